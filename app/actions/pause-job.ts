import type { Context } from '../context.ts';
import { aboutJob, insertChange } from '../store/audit.ts';
import { type Job, pauseJob as pauseStoredJob } from '../store/jobs.ts';

/** Pauses a job: ticks start no runs for it. A run that is already in progress finishes first. @param by who requested it */
export async function pauseJob(context: Context, job: Pick<Job, 'id' | 'objectName'>, by: string): Promise<void> {
  await recordPause(context, job, await pauseStoredJob(context.database, job.id), by);
}

/** Records that a job was paused. @param cancelledRunId its window that waited; undefined: none */
export async function recordPause(
  context: Context,
  job: Pick<Job, 'id' | 'objectName'>,
  cancelledRunId: string | undefined,
  by: string,
): Promise<void> {
  context.events.jobPaused(job, by);
  if (cancelledRunId) context.events.runCancelled({ runId: cancelledRunId, job });
  await insertChange(context.database, { by, action: 'job_paused', ...aboutJob(job) });
}
