import type { Context } from '../../context.ts';
import { AppError } from '../../errors.ts';
import type { JobWithRun } from '../../store/jobs/job-list.ts';
import type { Job } from '../../store/jobs/jobs.ts';
import { startRepair } from './start-repair.ts';

/**
 * Imports everything that a job has imported again, and replaces its table with it, or creates the table if it is missing. Leaves
 * `last_date` unchanged.
 * @param by who requested it
 * @throws AppError conflict
 */
export async function rebuild(context: Context, job: Job, by: string): Promise<JobWithRun> {
  if (job.syncedTo <= job.startDate) {
    throw new AppError('conflict', `Nothing of ${job.objectName} has been imported yet. Call handle_importing_job instead.`);
  }
  // The run sets its range when it starts: windows may move last_date until then.
  return await startRepair(context, job, { kind: 'rebuild', window: { from: job.startDate, to: job.syncedTo } }, by);
}
