import type { Context } from '../../context.ts';
import { formatBound, formatInstant } from '../../core/jobs/start-date.ts';
import { lastReadable } from '../../core/runs/window.ts';
import { AppError } from '../../errors.ts';
import type { JobWithRun } from '../../store/jobs/job-list.ts';
import type { Job } from '../../store/jobs/jobs.ts';
import { startRepair } from './start-repair.ts';

/**
 * Imports what has changed since the job's `last_date`, without waiting for its window to close. Leaves `last_date` unchanged, so the
 * window imports these rows again.
 * @param by who requested it
 * @throws AppError conflict if nothing can be read yet, or another repair of the job is open
 */
export async function syncNow(context: Context, job: Job, by: string): Promise<JobWithRun> {
  const { lagMinutes } = context.config;
  const window = { from: job.syncedTo, to: lastReadable(await context.scheduleNow(), lagMinutes) };
  if (window.to > window.from) return await startRepair(context, job, { kind: 'reimport', window }, by);
  // SOQL bounds are whole seconds, so the first second must be over as well.
  const readableAt = formatInstant(new Date(job.syncedTo.getTime() + (lagMinutes + 1) * 60_000));
  throw new AppError(
    'conflict',
    `${job.objectName} is complete through ${formatBound(job.syncedTo)}, and Salesforce may still commit later changes. Call sync-now again after ${readableAt}.`,
  );
}
