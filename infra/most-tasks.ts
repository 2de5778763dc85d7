/** What the app's pool takes of the job store's connections, in each task. */
export const CONNECTIONS_PER_TASK = 10;

/** RDS's own, and those that Postgres keeps for superusers. */
const KEPT_CONNECTIONS = 5;

/** Of the classes that might have too few connections, in bytes, by the end of their names. */
const MEMORY: Record<string, number> = { micro: 2 ** 30, small: 2 * 2 ** 30, medium: 4 * 2 ** 30 };

/** Larger classes have connections for as many; a Salesforce org has no use for more. */
const MOST = 20;

/** How many tasks a job store of this class takes. In a deployment there are twice as many, and `npm run op` adds one. */
export function mostTasks(instanceClass: string): number {
  const memory = MEMORY[instanceClass.split('.').at(-1) ?? ''];
  if (!memory) return MOST;
  // RDS's default for max_connections is DBInstanceClassMemory/9531392; that memory is about three quarters of what is sold.
  const connections = Math.floor((memory * 0.75) / 9_531_392);
  return Math.floor((connections - KEPT_CONNECTIONS - CONNECTIONS_PER_TASK) / (2 * CONNECTIONS_PER_TASK));
}
