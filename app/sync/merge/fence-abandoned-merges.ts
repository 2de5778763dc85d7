import { fenceJobId } from '../../bigquery/jobs.ts';
import type { Context } from '../../context.ts';
import { abandonedRuns, type Run } from '../../store/runs.ts';
import { mergeJobId, runLabels } from '../names.ts';

/**
 * Sees to it that no MERGE of an earlier run of the job runs beside this run's, or after it: a run may have been cancelled, or have failed,
 * with its MERGE asked for and not yet heard of. Two that only insert do not conflict for BigQuery, and each would insert the same rows
 * (BigQuery, DML statement conflicts). And a row that is removed leaves nothing behind by which an older reading could be told.
 */
export async function fenceAbandonedMerges({ database, warehouse }: Context, run: Run): Promise<void> {
  for (const { runId, mergeTry } of await abandonedRuns(database, run.job.id)) {
    await fenceJobId(warehouse, mergeJobId(runId, mergeTry), runLabels(runId, run.job));
  }
}
