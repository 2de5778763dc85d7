import type { JobMetadata } from '@google-cloud/bigquery';
import { httpStatus } from './errors.ts';
import type { Warehouse } from './warehouse.ts';

/** Which load and query jobs count as ours: those with the label `job` of one of these jobs, and those that write to one of these datasets. */
export interface Ours {
  readonly jobIds: ReadonlySet<string>;
  readonly datasets: ReadonlySet<string>;
}

/**
 * The ids of our load and query jobs that BigQuery still runs, or will.
 * @throws AppError
 */
export async function findRunningJobs(warehouse: Warehouse, ours: Ours): Promise<string[]> {
  const found = await listRunningJobs(warehouse);
  return found.flatMap(({ id, metadata }) => (id !== undefined && isOurs(metadata, ours) ? [id] : [])).sort();
}

interface ListedJob {
  id?: string;
  metadata: JobMetadata;
}

/**
 * The jobs of all users of the project, or, without the permission to list those, of the service's Google account, which needs none for its own
 * (BigQuery docs, "jobs.list").
 */
async function listRunningJobs(warehouse: Warehouse): Promise<ListedJob[]> {
  return await warehouse.call('list the running jobs', async (client) => {
    const list = async (allUsers: boolean): Promise<ListedJob[]> =>
      (await client.getJobs({ allUsers, stateFilter: ['pending', 'running'], projection: 'full' }))[0];
    try {
      return await list(true);
    } catch (error) {
      if (httpStatus(error) !== 403) throw error;
      return await list(false);
    }
  });
}

/** The service labels each of its jobs with the run or the batch of the outbox. */
function isOurs({ configuration }: JobMetadata, { jobIds, datasets }: Ours): boolean {
  const { labels = {}, load, query } = configuration ?? {};
  if (labels.run === undefined && labels.outbox === undefined) return false;
  const { datasetId } = load?.destinationTable ?? query?.destinationTable ?? {};
  return jobIds.has(labels.job ?? '') || datasets.has(datasetId ?? '');
}
