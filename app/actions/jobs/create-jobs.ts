import type { Context } from '../../context.ts';
import { mapConcurrently } from '../../core/map-concurrently.ts';
import { type AppError, isAppError } from '../../errors.ts';
import type { Connection } from '../../store/connections/connections.ts';
import { whileConnected } from '../while-connected.ts';
import { createWantedJob, type RequestedJob } from './create-job.ts';
import { type JobRequest, readJobRequest } from './plan-job.ts';
import { warnOfRareTicks } from './warn-of-rare-ticks.ts';

/** Objects at the same time. Each creation makes a few calls to Salesforce, one after the other. */
const CONCURRENCY = 4;

/** What became of a requested job. */
export type JobCreation =
  | (RequestedJob & { objectName: string; warning: string | undefined })
  | { objectName: string; outcome: 'refused'; error: AppError };

/**
 * Creates jobs for several objects with the same options. One that is refused, or cannot be checked, does not stop the others. What the jobs
 * cost is checked against the jobs that exist, not against those that are created at the same time: runs that exceed a limit are deferred.
 * @param closed stops before the next object; of one that is being checked, nothing is created
 * @param by who requested it
 * @returns what became of each, in the order of the names
 * @throws AppError invalid_request if the options are invalid for any object; the reason of `closed`
 */
export async function createJobs(
  context: Context,
  connection: Connection,
  objectNames: readonly string[],
  options: Omit<JobRequest, 'objectName'>,
  by: string,
  closed: AbortSignal,
): Promise<JobCreation[]> {
  const wanted = await readJobRequest(context, { ...options, objectName: '' });
  const limited = whileConnected(context, closed);
  const create = async (objectName: string): Promise<JobCreation> => {
    try {
      const requested = await createWantedJob(limited, connection, { ...wanted, objectName }, by);
      return { ...requested, objectName: requested.job.objectName, warning: await warnOfRareTicks(context, requested.job) };
    } catch (error) {
      if (!isAppError(error)) throw error;
      return { objectName, outcome: 'refused', error };
    }
  };
  return await mapConcurrently(CONCURRENCY, closed, () => objectNames, create);
}
