/** The size of the app's connection pool in each task. */
export const CONNECTIONS_PER_TASK = 10;

/** Reserved by RDS for itself, and by Postgres for superusers. */
const RESERVED_CONNECTIONS = 5;

const GIB = 2 ** 30;

/** Memory in bytes of the smallest instance classes, by the end of their names. */
const MEMORY: Record<string, number> = { micro: GIB, small: 2 * GIB, medium: 4 * GIB };

/** All larger classes have at least as much. */
const MIN_LARGER_MEMORY = 8 * GIB;

/** The limit for larger classes, which have connections to spare: one Salesforce org cannot use more tasks. */
const MAX_TASKS = 20;

/** The memory in bytes that an instance class has at least. */
export function databaseMemory(instanceClass: string): number {
  return MEMORY[instanceClass.split('.').at(-1) ?? ''] ?? MIN_LARGER_MEMORY;
}

/**
 * How many connections an instance class accepts, at least. RDS's default for max_connections is DBInstanceClassMemory/9531392; that memory
 * is about three quarters of the advertised size.
 */
export function maxConnections(instanceClass: string): number {
  return Math.floor((databaseMemory(instanceClass) * 0.75) / 9_531_392);
}

/** The connections that this many tasks may open: twice as many during a deployment, and one task that `npm run op` starts. */
export function connectionsOf(tasks: number): number {
  return RESERVED_CONNECTIONS + (2 * tasks + 1) * CONNECTIONS_PER_TASK;
}

/** How many tasks the connections of an instance class allow. */
export function maxTasks(instanceClass: string): number {
  let tasks = MAX_TASKS;
  while (tasks > 0 && connectionsOf(tasks) > maxConnections(instanceClass)) tasks--;
  return tasks;
}
