import type { Context } from '../context.ts';
import { formatBound, formatInstant, formatStartDate } from '../core/start-date.ts';
import { lastReadable } from '../core/window.ts';
import { AppError } from '../errors.ts';
import type { JobWithRun } from '../store/job-list.ts';
import type { Job } from '../store/jobs.ts';
import { startRepair } from './start-repair.ts';

/** The rows to import again: those stamped in `[from, to)`. */
export interface ReimportRequest {
  /** undefined: from the job's start date */
  from: Date | undefined;
  /** undefined: up to the job's `last_date` */
  to: Date | undefined;
}

/**
 * Imports rows again, whatever has been imported. Leaves `last_date` unchanged.
 * @param by who requested it
 * @throws AppError invalid_request, conflict
 */
export async function reimport(context: Context, job: Job, request: ReimportRequest, by: string): Promise<JobWithRun> {
  const window = { from: request.from ?? job.startDate, to: request.to ?? job.syncedTo };
  await checkRange(context, job, window);
  return await startRepair(context, job, { kind: 'reimport', window }, by);
}

async function checkRange(context: Context, job: Job, { from, to }: { from: Date; to: Date }): Promise<void> {
  const readable = lastReadable(await context.scheduleNow(), context.config.lagMinutes);
  if (from < job.startDate) {
    throw new AppError('invalid_request', `from ${formatBound(from)} is before the job's start_date, ${formatStartDate(job.startDate)}.`);
  }
  if (from >= to) throw new AppError('invalid_request', `There is nothing to import between ${formatBound(from)} and ${formatBound(to)}.`);
  if (to > readable) {
    const limit = formatInstant(readable);
    throw new AppError('invalid_request', `to ${formatBound(to)} is too late: Salesforce may still commit changes stamped after ${limit}.`);
  }
}
