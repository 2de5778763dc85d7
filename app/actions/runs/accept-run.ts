import type { Context } from '../../context.ts';
import { AppError, type ErrorCode } from '../../errors.ts';
import { aboutJob, insertChange } from '../../store/audit.ts';
import { transaction } from '../../store/database.ts';
import { type JobWithRun, listJob } from '../../store/jobs/job-list.ts';
import { acceptVerdict } from '../../store/runs/accept-run.ts';
import { requireRun } from './require-run.ts';
import { requireRetryable } from './retry-run.ts';

const ACCEPTABLE = 'Only a run that failed with a verdict can be accepted.';

/**
 * Accepts the verdict with which a run failed: that Salesforce's counts differ from the rows that it returned, or that many rows are
 * missing. Queues the work again. That run may pass the same verdict, for as many rows, and its receipt names who accepted it.
 * @param by who accepts it
 * @returns the run that may pass the verdict
 * @throws AppError not_found; needs_login; conflict, with the reason
 */
export async function acceptRun(context: Context, runId: string, by: string): Promise<JobWithRun> {
  const { database, events } = context;
  const found = requireRetryable(await requireRun(context, runId), ACCEPTABLE);
  const { run, ...job } = found;
  const { code, rows } = requireVerdict(found);
  if (run.kind !== 'window') await requireLatest(context, found);
  const nextRunId = await transaction(database, async (client) => {
    const next = await acceptVerdict(client, job, run, { by, at: new Date().toISOString(), code, rows });
    if (next === undefined) {
      throw new AppError('conflict', `Another run of the job for ${job.objectName} is open. Accept this run when that one has ended.`);
    }
    const details = { error_code: code, rows, next_run: next };
    await insertChange(client, { by, action: 'run_accepted', ...aboutJob(job), runId: run.id, details });
    return next;
  });
  events.runAccepted({ runId: run.id, job }, { nextRunId, code, rows, by });
  return await requireRun(context, nextRunId);
}

/** @throws AppError conflict */
function requireVerdict({ run }: JobWithRun): { code: ErrorCode; rows: number } {
  if (run.state !== 'failed') {
    throw new AppError('conflict', `The run is ${run.state}. ${ACCEPTABLE}`);
  }
  if (run.acceptableRows !== null) return { code: run.errorCode as ErrorCode, rows: run.acceptableRows };
  throw new AppError(
    'conflict',
    `The run failed with ${run.errorCode}, which is not a verdict that can be accepted. Resolve what its message says, then retry it.`,
  );
}

/** The warehouse may have changed since an earlier repair. @throws AppError conflict */
async function requireLatest({ database }: Context, { id, run }: JobWithRun): Promise<void> {
  const latest = (await listJob(database, id))?.repair;
  if (!latest || latest.id === run.id) return;
  throw new AppError('conflict', `The job has a later repair: the ${latest.kind} ${latest.id}. Only the latest can be accepted.`);
}
