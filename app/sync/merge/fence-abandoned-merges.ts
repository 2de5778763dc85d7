import { fenceJobId } from '../../bigquery/jobs.ts';
import type { Context } from '../../context.ts';
import { abandonedRuns, type Run } from '../../store/runs.ts';
import { mergeJobId, runLabels } from '../names.ts';

/**
 * Ensures that no MERGE of an earlier run of the job runs during or after this run's MERGE: a run may have been cancelled or have failed
 * after it requested its MERGE. BigQuery sees no conflict between two insert-only MERGEs, so each would insert the same rows (BigQuery
 * docs, "DML statement conflicts"). And a removed row leaves no trace by which an older version could be recognized.
 */
export async function fenceAbandonedMerges({ database, warehouse }: Context, run: Run): Promise<void> {
  for (const { runId, mergeTry } of await abandonedRuns(database, run.job.id)) {
    await fenceJobId(warehouse, mergeJobId(runId, mergeTry), runLabels(runId, run.job));
  }
}
