import type { Context } from '../../context.ts';
import { AppError } from '../../errors.ts';
import { findJobById, type Job } from '../../store/jobs/jobs.ts';

/** The job with this id. @throws AppError not_found */
export async function requireJobById({ database }: Context, jobId: string): Promise<Job> {
  const job = await findJobById(database, jobId);
  if (job) return job;
  throw new AppError('not_found', 'No job has this id. Take the id from /jobs.');
}
