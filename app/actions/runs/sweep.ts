import type { Context } from '../../context.ts';
import { AppError } from '../../errors.ts';
import type { JobWithRun } from '../../store/jobs/job-list.ts';
import type { Job } from '../../store/jobs/jobs.ts';
import { startRepair } from './start-repair.ts';

/**
 * Compares the keys of all rows of an object with the job's table, and repairs what differs. Leaves `last_date` unchanged.
 * @param by who requested it
 * @throws AppError conflict
 */
export async function sweep(context: Context, job: Job, by: string): Promise<JobWithRun> {
  if (job.syncedTo <= job.startDate) {
    throw new AppError('conflict', `The job for ${job.objectName} has not imported anything yet. Call handle_importing_job first.`);
  }
  return await startRepair(context, job, { kind: 'sweep', window: { from: job.startDate, to: job.syncedTo } }, by);
}
