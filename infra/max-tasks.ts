/** The size of the app's connection pool in each task. */
export const CONNECTIONS_PER_TASK = 10;

/** Reserved by RDS for itself, and by Postgres for superusers. */
const RESERVED_CONNECTIONS = 5;

/** Memory in bytes of the instance classes that may run out of connections, by the end of their names. */
const MEMORY: Record<string, number> = { micro: 2 ** 30, small: 2 * 2 ** 30, medium: 4 * 2 ** 30 };

/** The limit for larger classes, which have connections to spare: one Salesforce org cannot use more tasks. */
const MAX_TASKS = 20;

/** How many tasks the connections of an instance class allow. A deployment runs twice as many, and `npm run op` adds one. */
export function maxTasks(instanceClass: string): number {
  const memory = MEMORY[instanceClass.split('.').at(-1) ?? ''];
  if (!memory) return MAX_TASKS;
  // RDS's default for max_connections is DBInstanceClassMemory/9531392; that memory is about three quarters of the advertised size.
  const connections = Math.floor((memory * 0.75) / 9_531_392);
  return Math.floor((connections - RESERVED_CONNECTIONS - CONNECTIONS_PER_TASK) / (2 * CONNECTIONS_PER_TASK));
}
