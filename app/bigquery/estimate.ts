import type { Warehouse } from './warehouse.ts';

/** What BigQuery says about a statement without running it. */
export interface Estimate {
  /** SELECT, INSERT, MERGE, CREATE_TABLE, SCRIPT and so on */
  statementType: string;
  /** bytes that it would read; for a script, those of some of its statements */
  bytes: number;
}

/** Validates a statement by a dry run, which is free. @throws AppError if BigQuery refuses it */
export async function estimate(warehouse: Warehouse, sql: string): Promise<Estimate> {
  const configuration = { dryRun: true, query: { query: sql, useLegacySql: false } };
  const { location } = warehouse;
  const [, job] = await warehouse.call('run the statement', (client) => client.createJob({ location, configuration }));
  const { query, totalBytesProcessed } = job.statistics ?? {};
  return { statementType: query?.statementType ?? 'unknown', bytes: Number(totalBytesProcessed ?? 0) };
}
