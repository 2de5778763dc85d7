import type { Context } from '../../context.ts';
import { AppError } from '../../errors.ts';
import { aboutJob, insertChange } from '../../store/audit.ts';
import type { JobWithRun } from '../../store/jobs/job-list.ts';
import { cancelOpenRun } from '../../store/runs/end-run.ts';
import { actOnRun } from '../../store/runs/run-actions.ts';
import { requireRun } from './require-run.ts';

/**
 * Cancels an open run. Its worker stops within one lease extension, and none of its later writes to the job store changes anything. Neither
 * `last_date` nor the job changes: the next tick starts again. A MERGE that BigQuery is already running finishes; the job's next run
 * waits for it.
 * @param by who requested it; stored with the run and shown to any caller
 * @returns the run as it ended
 * @throws AppError not_found; conflict if the run has already ended
 */
export async function cancelRun(context: Context, runId: string, by: string): Promise<JobWithRun> {
  const { database, events } = context;
  // Its id as stored: the caller may have written it in upper case.
  const { run: found, ...job } = await requireRun(context, runId);
  const next =
    found.kind === 'window'
      ? `${job.active ? 'The' : 'Once the job is resumed, the'} next tick starts again from last_date.`
      : 'To start it again, retry it.';
  const reason = { code: 'cancelled', message: `Cancelled by request (${by}). ${next}` };
  const cancelled = await actOnRun(database, { action: 'cancel', by }, async (client) => {
    if (!(await cancelOpenRun(client, runId, reason))) return undefined;
    await insertChange(client, { by, action: 'run_cancelled_by_request', ...aboutJob(job), runId: found.id });
    return runId;
  });
  if (cancelled === undefined) {
    const { run } = await requireRun(context, runId);
    throw new AppError('conflict', `The run has already ended (${run.state}). Only a queued or running run can be cancelled.`);
  }
  events.runCancelledByRequest({ runId: found.id, job, kind: found.kind }, by);
  return await requireRun(context, runId);
}
