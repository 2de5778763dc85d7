import type { Context } from '../context.ts';
import { columnDescriptions } from '../core/fields/dictionary.ts';
import { readDescribedFields } from '../store/jobs/described-fields.ts';
import type { Run } from '../store/runs/runs.ts';

/** The descriptions of the columns of a job's tables, by name in lower case. */
export async function readColumnDescriptions({ database }: Context, { job }: Run): Promise<ReadonlyMap<string, string>> {
  return columnDescriptions(await readDescribedFields(database, job.id));
}
