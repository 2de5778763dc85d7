import { readdirSync, readFileSync } from 'node:fs';
import type { World } from '../chaos/world.ts';

/** By how much the median of what is sampled may rise between the second and the last quarter. */
export const MARGINS = {
  rssMb: 30,
  resources: 20,
  descriptors: 20,
  sockets: 20,
  postgresConnections: 4,
  leftTables: 20,
  tableWrites: 5,
  runTables: 20,
  outboxBatches: 8,
  longRequests: 5,
  bulkJobs: 40,
  // The latest run of a lane is kept, and its table grows.
  oldSlices: 150,
  oldPages: 300,
};

/** Runs are kept for this long, which stands for RUN_RETENTION_DAYS, so that those of the soak meet the end of their time. */
export const RETENTION_MINUTES = 1;

export type Sample = Record<keyof typeof MARGINS, number>;

/** What must be empty once nothing is left to do. */
export const MUST_BE_EMPTY = ['leftTables', 'tableWrites', 'runTables', 'longRequests'] as const satisfies (keyof Sample)[];

/** Of runs that ended so long ago that they should have been deleted. */
const OLD = `run_id IN (SELECT id FROM runs WHERE finished_at < now() - interval '${RETENTION_MINUTES + 0.5} minutes')`;

/** Rows of the job store's tables, by what is sampled. */
const ROWS = {
  tableWrites: 'table_writes',
  runTables: 'run_tables',
  outboxBatches: 'outbox_batches',
  longRequests: 'long_requests',
  bulkJobs: 'bulk_jobs',
  oldSlices: `slices WHERE ${OLD}`,
  oldPages: `pages WHERE ${OLD}`,
} as const satisfies Partial<Record<keyof Sample, string>>;

/** Samples the service's process after a garbage collection, the job store, and the staging dataset. @returns with the id of the process */
export async function takeSample({ processes: [service], database, rows }: World): Promise<{ pid: number; sample: Sample }> {
  const { pid, resources } = await service!.collectGarbage();
  const kilobytes = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  const counts = Object.entries(ROWS).map(([name, from]) => `(SELECT count(*) FROM ${from})::int AS "${name}"`);
  const { rows: counted } = await database.query<Pick<Sample, keyof typeof ROWS | 'postgresConnections'>>(
    `SELECT (SELECT count(*) FROM pg_stat_activity WHERE client_port > 0)::int AS "postgresConnections", ${counts.join(', ')}`,
  );
  const tables = await rows(`SELECT table_name FROM salesforce_staging.INFORMATION_SCHEMA.TABLES`);
  const sample = {
    rssMb: Math.round(kilobytes / 1024),
    resources: resources.length,
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    sockets: resources.filter((name) => /socket|TCP/i.test(name)).length,
    leftTables: tables.length,
    ...counted[0]!,
  };
  return { pid, sample };
}
