import type { Context } from '../../context.ts';
import { formatInstant } from '../../core/jobs/start-date.ts';
import { AppError } from '../../errors.ts';
import { aboutJob, type Change, insertChange } from '../../store/audit.ts';
import { forgetUsage } from '../../store/connections/org-calls.ts';
import type { Queryable } from '../../store/database.ts';
import type { JobWithRun } from '../../store/jobs/job-list.ts';
import { makeRunDue, queueRepairAgain, queueRuns } from '../../store/runs/queue-runs.ts';
import { actOnRun } from '../../store/runs/run-actions.ts';
import { requireRun } from './require-run.ts';

/**
 * Makes a waiting run due now: one that waits for a retry, for quota or for its budget. What it waited for may defer it again, and its
 * failures still count. For a window that failed or was cancelled, queues the job's next one, which starts at `last_date` again; for such a
 * repair, queues the same repair.
 * @param by who requested it
 * @returns the run that is due: this one, or the next one
 * @throws AppError not_found; needs_login; conflict, with the reason
 */
export async function retryRun(context: Context, runId: string, by: string): Promise<JobWithRun> {
  const found = requireRetryable(await requireRun(context, runId));
  const isOpen = found.run.state === 'queued';
  const dueRunId = await actOnRun(context.database, { action: 'retry', by }, async (client) => {
    const due = await (isOpen ? makeRunDue(client, found.id, runId) : queueAgain(client, found));
    if (due === undefined) return undefined;
    await forgetUsage(client, due);
    await insertChange(client, retryChange(found, found.run.id, due, by));
    return due;
  });
  if (dueRunId === undefined) return requireDue(await requireRun(context, runId), isOpen);
  context.events.runRetryRequested({ runId: found.run.id, job: found }, dueRunId, by);
  return await requireRun(context, dueRunId);
}

async function queueAgain(client: Queryable, { id, run }: JobWithRun): Promise<string | undefined> {
  return run.kind === 'window' ? (await queueRuns(client, [id]))[0] : await queueRepairAgain(client, run.id);
}

/** Makes the waiting window of a job due now, if it has one; a person ticked just this job. @param by who did */
export async function retryWaitingRun(context: Context, job: { id: string; objectName: string }, by: string): Promise<void> {
  const runId = await actOnRun(context.database, { action: 'retry', by }, async (client) => {
    const due = await makeRunDue(client, job.id);
    if (due !== undefined) await insertChange(client, retryChange(job, due, due, by));
    return due;
  });
  if (runId !== undefined) context.events.runRetryRequested({ runId, job }, runId, by);
}

function retryChange(job: { id: string; objectName: string }, runId: string, dueRun: string, by: string): Change {
  return { by, action: 'run_retry_requested', ...aboutJob(job), runId, details: { due_run: dueRun } };
}

/** A run whose work can be queued again. @param which runs the caller can act on @throws AppError needs_login, conflict */
export function requireRetryable(
  found: JobWithRun,
  which = 'Only a run that waits, has failed or was cancelled can be retried.',
): JobWithRun {
  const { run, needsLogin, loginError, active, syncedTo, objectName } = found;
  if (run.state === 'running') throw new AppError('conflict', `The run is already running. ${which}`);
  if (run.kind !== 'window' && run.state === 'succeeded') throw new AppError('conflict', 'The repair has succeeded. Request a new one.');
  if (run.kind === 'window' && (run.state === 'succeeded' || run.windowTo <= syncedTo)) {
    throw new AppError(
      'conflict',
      `The window of this run has been imported: ${objectName} is complete through ${formatInstant(syncedTo)}.`,
    );
  }
  if (!active) throw new AppError('conflict', `The job for ${objectName} is paused. Call resume_importing_job, then handle_importing_job.`);
  if (needsLogin) {
    const cause = loginError ? ` ${loginError.message}` : '';
    throw new AppError('needs_login', `The run waits for a login: call get_oauth_url and login_oauth_callback.${cause}`);
  }
  return found;
}

/** A run that was already due is fine. @throws AppError conflict, if not */
function requireDue(found: JobWithRun, wasOpen: boolean): JobWithRun {
  const { run, objectName } = requireRetryable(found);
  if (run.state !== 'queued') {
    const why = wasOpen ? 'The run has just ended.' : `Another run of the job for ${objectName} is open.`;
    throw new AppError('conflict', `${why} See /jobs for the job's latest run.`);
  }
  if (run.runAt <= new Date()) return found;
  throw new AppError(
    'conflict',
    `The run starts by itself at ${formatInstant(run.runAt)}: until then, Salesforce may still commit changes of its window.`,
  );
}
