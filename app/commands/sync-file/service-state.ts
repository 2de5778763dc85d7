import { ANY_DAY, OPTION_NAMES, type OptionValue, optionText, optionTexts, parseOptions } from '../../core/jobs/job-options.ts';
import type { ExistingJob, ListedObject } from '../../core/jobs/sync-plan.ts';
import type { RemoteService } from '../remote/remote-service.ts';

/** A connection as the service lists it. */
export interface RemoteConnection {
  id: number;
  alias: string | null;
  user_id: string;
  exclude_fields: readonly string[];
  hash_fields: readonly string[];
}

/** A job as the service shows it; its options by their names. */
interface RemoteJob extends Record<string, unknown> {
  id: string;
  user_id: string;
  object_name: string;
  active: number;
  mode: string;
}

/** A job, and how its windows keep its table current. */
export interface ServiceJob extends ExistingJob {
  userId: string;
  mode: string;
}

/** What a service has. */
export interface ServiceState {
  connections: readonly RemoteConnection[];
  jobs: readonly ServiceJob[];
}

/** Reads all connections and jobs of a service. @throws RemoteError */
export async function readServiceState(service: RemoteService): Promise<ServiceState> {
  const [connections, jobs] = await Promise.all([
    service.list<RemoteConnection>('v1/connections', 'connections'),
    service.list<RemoteJob>('jobs', 'jobs'),
  ]);
  return { connections, jobs: jobs.map(toServiceJob) };
}

function toServiceJob(job: RemoteJob): ServiceJob {
  const known = OPTION_NAMES.filter((name) => job[name] !== undefined && job[name] !== null);
  const texts = Object.fromEntries(known.map((name) => [name, optionText(job[name] as OptionValue)]));
  return {
    id: job.id,
    objectName: job.object_name,
    active: job.active === 1,
    options: parseOptions(optionTexts(texts), ANY_DAY),
    userId: job.user_id,
    mode: job.mode,
  };
}

/** The objects of a connection's org. @throws RemoteError */
export async function readObjects(service: RemoteService, { id }: RemoteConnection): Promise<ListedObject[]> {
  const { objects } = await service.get<{ objects: ListedObject[] }>(`v1/connections/${id}/objects`);
  return objects;
}

/** The connection that a file names by its alias, id or user_id. */
export function findConnection(connections: readonly RemoteConnection[], name: string): RemoteConnection | undefined {
  return connections.find(({ id, alias, user_id }) => [alias, String(id), user_id].includes(name));
}
