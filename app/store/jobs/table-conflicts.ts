import { VERSIONS_SUFFIX, VERSIONS_VIEW_SUFFIX } from '../../core/fields/versions.ts';
import type { Queryable } from '../database.ts';
import type { Job } from './jobs.ts';

/** A job's tables; without an id, it does not exist yet. */
export type NamedTables = Pick<Job, 'targetDataset' | 'targetTable'> & Partial<Pick<Job, 'id'>>;

const LIVE_SUFFIX = '_live';

/**
 * Finds a job whose target table or live view has the name of another job's versions, or the reverse. Ignores the case of names, as a dataset
 * may.
 * @param history whether the given job keeps versions
 * @returns the other job's object
 */
export async function findTableConflict(
  database: Queryable,
  { id, targetDataset, targetTable }: NamedTables,
  history: boolean,
): Promise<string | undefined> {
  const named = (suffixes: readonly string[]): string[] => suffixes.map((suffix) => `${targetTable}${suffix}`.toLowerCase());
  const versions = history ? [VERSIONS_SUFFIX, VERSIONS_VIEW_SUFFIX] : [];
  const { rows } = await database.query<{ object_name: string }>(
    `SELECT object_name FROM jobs
     WHERE target_dataset = $1 AND id IS DISTINCT FROM $2::uuid AND (
       lower(target_table) = ANY($3) OR lower(target_table) || $5 = ANY($3)
       OR history AND (lower(target_table) || $6 = ANY($4) OR lower(target_table) || $7 = ANY($4)))
     LIMIT 1`,
    [targetDataset, id ?? null, named(versions), named(['', LIVE_SUFFIX, ...versions]), LIVE_SUFFIX, VERSIONS_SUFFIX, VERSIONS_VIEW_SUFFIX],
  );
  return rows[0]?.object_name;
}
