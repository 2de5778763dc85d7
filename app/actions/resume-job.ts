import type { Context } from '../context.ts';
import { aboutJob, insertChange } from '../store/audit.ts';
import { type Job, resumeJob as resumeStoredJob } from '../store/jobs.ts';

/** Resumes a paused job: the next tick imports everything it missed. @param by who requested it */
export async function resumeJob(context: Context, job: Pick<Job, 'id' | 'objectName'>, by: string): Promise<void> {
  const cancelled = await resumeStoredJob(context.database, job.id, await context.scheduleNow());
  context.events.jobResumed(job, by);
  if (cancelled) context.events.runCancelled({ runId: cancelled, job });
  await insertChange(context.database, { by, action: 'job_resumed', ...aboutJob(job) });
}
