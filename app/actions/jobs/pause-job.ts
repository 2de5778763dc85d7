import type { Context } from '../../context.ts';
import { aboutJob, type Change, insertChange } from '../../store/audit.ts';
import { transaction } from '../../store/database.ts';
import { type Job, pauseJob as pauseStoredJob } from '../../store/jobs/jobs.ts';

/** Pauses a job: ticks start no runs for it. A run that is already in progress finishes first. @param by who requested it */
export async function pauseJob(context: Context, job: Pick<Job, 'id' | 'objectName'>, by: string): Promise<void> {
  const cancelledRunId = await transaction(context.database, async (client) => {
    const cancelled = await pauseStoredJob(client, job.id);
    await insertChange(client, pauseChange(job, by));
    return cancelled;
  });
  logPause(context, job, cancelledRunId, by);
}

/** The change that pauses a job. @param by who requested it */
export function pauseChange(job: Pick<Job, 'id' | 'objectName'>, by: string): Change {
  return { by, action: 'job_paused', ...aboutJob(job) };
}

/** Logs that a job was paused. @param cancelledRunId its window that waited; undefined: none */
export function logPause({ events }: Context, job: Pick<Job, 'id' | 'objectName'>, cancelledRunId: string | undefined, by: string): void {
  events.jobPaused(job, by);
  if (cancelledRunId) events.runCancelled({ runId: cancelledRunId, job, kind: 'window' });
}
