import { closeJobId } from '../bigquery/jobs.ts';
import type { Context } from '../context.ts';
import { abandonedRuns, type Run } from '../store/runs.ts';
import { mergeJobId, runLabels } from './names.ts';

/**
 * Sees to it that no MERGE of an earlier run of the job comes after this run's: a run may have been cancelled, or have failed, with its
 * MERGE asked for and not yet heard of. Rows that stay in the target table defend themselves by their cursor. One that is removed leaves
 * nothing behind, and a MERGE that read it before would put it back.
 */
export async function closeAbandoned({ database, warehouse }: Context, run: Run, signal: AbortSignal): Promise<void> {
  if (run.job.deletes !== 'remove') return;
  for (const { runId, mergeTry } of await abandonedRuns(database, run.job.id)) {
    await closeJobId(warehouse, mergeJobId(runId, mergeTry), runLabels(runId, run.job), signal);
  }
}
