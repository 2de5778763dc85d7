import type { Queryable } from '../database.ts';
import { type RowOf, toRecord } from '../to-record.ts';
import type { Job } from './jobs.ts';

/** The table that a job writes. */
export type Target = Pick<Job, 'targetDataset' | 'targetTable'>;

/** The tables of all jobs that have created theirs. */
export async function listTargets(database: Queryable): Promise<Target[]> {
  const { rows } = await database.query<RowOf<Target>>(
    'SELECT target_dataset, target_table FROM jobs WHERE target_created_at IS NOT NULL ORDER BY target_dataset, target_table',
  );
  return rows.map(toRecord);
}
