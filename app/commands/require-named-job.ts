import { requireJobById } from '../actions/require-job.ts';
import type { Context } from '../context.ts';
import { isRunId } from '../core/run-id.ts';
import { listJobsOf } from '../store/job-list.ts';
import type { Job } from '../store/jobs.ts';
import { CommandError } from './command-error.ts';

/** @param name of its object, or its id @throws AppError, CommandError */
export async function requireNamedJob(context: Context, name: string): Promise<Job> {
  if (isRunId(name)) return await requireJobById(context, name);
  const found = await listJobsOf(context.database, name);
  const [job, ...others] = found;
  if (!job) throw new CommandError(`There is no job for ${name}. List all with: node app/cli.ts jobs list.`);
  if (others.length === 0) return await requireJobById(context, job.id);
  const which = found.map(({ id, targetDataset, userId }) => `  ${id} into ${targetDataset}, of ${userId}`);
  throw new CommandError([`There are ${found.length} jobs for ${name}. Use the id of one of them:`, ...which].join('\n'));
}
