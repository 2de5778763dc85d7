import { requireConnection } from '../actions/connections/require-connection.ts';
import type { Context } from '../context.ts';
import { AppError } from '../errors.ts';
import { findJob, type Job } from '../store/jobs/jobs.ts';

/** The job of a connection for an object. @throws AppError not_found */
export async function requireJob(context: Context, fields: { user_id: string; object_name: string }): Promise<Job> {
  const connection = await requireConnection(context, fields.user_id);
  const job = await findJob(context.database, connection.id, fields.object_name);
  if (job) return job;
  throw new AppError('not_found', `This connection has no job for ${fields.object_name}. Create one with create_importing_job.`);
}
