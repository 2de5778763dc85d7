import type pg from 'pg';
import { AppError } from '../errors.ts';
import { assign } from './assign.ts';
import { transaction } from './database.ts';
import type { Job } from './jobs.ts';
import { queueRepair, type Repair } from './queue-runs.ts';

/** The properties of a job that can be changed. */
export type JobChanges = Partial<Pick<Job, 'startDate' | 'deletes' | 'every'>>;

/**
 * Changes a job and queues the repair that the change requires, in one transaction.
 * @param job as read before
 * @param repair undefined: none
 * @returns the id of the repair; undefined: none was required
 * @throws AppError conflict if the job has changed since, or `isOpen()` if another repair of it is open; nothing has changed then
 */
export async function changeStoredJob(
  database: pg.Pool,
  job: Job,
  changes: JobChanges,
  repair: Repair | undefined,
  isOpen: () => Promise<AppError>,
): Promise<string | undefined> {
  return await transaction(database, async (client) => {
    const { sql, parameters } = assign(changes, 5);
    const { rowCount } = await client.query(`UPDATE jobs SET ${sql} WHERE id = $1 AND start_date = $2 AND deletes = $3 AND every = $4`, [
      job.id,
      job.startDate,
      job.deletes,
      job.every,
      ...parameters,
    ]);
    if (rowCount === 0) throw new AppError('conflict', `The job for ${job.objectName} has just changed. Try again.`);
    if (!repair) return undefined;
    const runId = await queueRepair(client, job.id, repair);
    if (runId === undefined) throw await isOpen();
    return runId;
  });
}
