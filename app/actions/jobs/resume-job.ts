import type { Context } from '../../context.ts';
import { aboutJob, insertChange } from '../../store/audit.ts';
import { transaction } from '../../store/database.ts';
import { type Job, resumeJob as resumeStoredJob } from '../../store/jobs/jobs.ts';

/** Resumes a paused job: the next tick imports everything it missed. @param by who requested it */
export async function resumeJob(context: Context, job: Pick<Job, 'id' | 'objectName'>, by: string): Promise<void> {
  const now = await context.scheduleNow();
  const cancelled = await transaction(context.database, async (client) => {
    const runId = await resumeStoredJob(client, job.id, now);
    await insertChange(client, { by, action: 'job_resumed', ...aboutJob(job) });
    return runId;
  });
  context.events.jobResumed(job, by);
  if (cancelled) context.events.runCancelled({ runId: cancelled, job, kind: 'window' });
}
