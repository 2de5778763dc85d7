import { isRunId } from '../../core/runs/run-id.ts';
import { CommandError } from '../command-error.ts';
import type { RemoteService } from './remote-service.ts';
import type { JobView } from './views.ts';

/** @param name of its object, or its id @throws CommandError if there is no such job, or several; RemoteError */
export async function findJob(service: RemoteService, name: string): Promise<JobView> {
  if (isRunId(name)) return await service.get<JobView>(`v1/jobs/${name}`);
  const found = await service.list<JobView>('jobs', 'jobs', { object_name: name });
  const [job, ...others] = found;
  if (!job) throw new CommandError(`There is no job for ${name}. List all with: node app/cli.ts jobs.`);
  if (others.length === 0) return job;
  const which = found.map(({ id, dataset, user_id }) => `  ${id} into ${dataset}, of ${user_id}`);
  throw new CommandError([`There are ${found.length} jobs for ${name}. Use the id of one of them:`, ...which].join('\n'));
}
