import type { Context } from '../../context.ts';
import { AppError } from '../../errors.ts';
import { findRun, type JobWithRun } from '../../store/jobs/job-list.ts';

/** The run with this id, with its job. @throws AppError not_found */
export async function requireRun({ database }: Context, runId: string): Promise<JobWithRun> {
  const found = await findRun(database, runId);
  if (found) return found;
  throw new AppError('not_found', 'No run has this id. Runs that ended long ago are deleted. Take the id from /jobs.');
}
