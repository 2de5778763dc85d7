import { CHANGEABLE_PROPERTIES, type ChangeableOptions } from '../../core/jobs/job-options.ts';
import { goesFirst } from '../../core/runs/pass.ts';
import { AppError } from '../../errors.ts';
import { assign, match } from '../assign.ts';
import { type PoolOrClient, transaction } from '../database.ts';
import { queueFirst } from '../runs/queue-first.ts';
import { queueRepair, type Repair } from '../runs/queue-runs.ts';
import { type Job, lockOpenRuns } from './jobs.ts';

/** The properties of a job that can be changed. */
export type JobChanges = Partial<ChangeableOptions & Pick<Job, 'approvedFields'>>;

const PROPERTIES = [...CHANGEABLE_PROPERTIES, 'approvedFields'] as const;

/** What became of a change: the repair that it required, if any; or nothing has changed, because another repair of the job is open. */
export type JobChange = { kind: 'changed'; runId: string | undefined } | { kind: 'repair-open' };

/**
 * Changes a job and queues the repair that the change requires, in one transaction.
 * @param job as read before
 * @param repair undefined: none
 * @throws AppError conflict if the job has changed since
 */
export async function changeStoredJob(
  database: PoolOrClient,
  job: Job,
  changes: JobChanges,
  repair: Repair | undefined,
): Promise<JobChange> {
  return await transaction(database, async (client) => {
    if (repair && goesFirst(repair)) await lockOpenRuns(client, job.id);
    const options = match(Object.fromEntries(PROPERTIES.map((property) => [property, job[property]])), 2);
    const { rowCount } = await client.query(`SELECT FROM jobs WHERE id = $1 AND ${options.sql} FOR NO KEY UPDATE`, [
      job.id,
      ...options.parameters,
    ]);
    if (rowCount === 0) throw new AppError('conflict', `The job for ${job.objectName} has just changed. Try again.`);
    const runId = repair && (await (goesFirst(repair) ? queueFirst(client, job.id, repair) : queueRepair(client, job.id, repair)));
    if (repair && runId === undefined) return { kind: 'repair-open' };
    // Until the next run copies it, the table of versions may lack rows of the target table.
    const { sql, parameters } = assign(changes.history === undefined ? changes : { ...changes, versionsSince: null }, 2);
    await client.query(`UPDATE jobs SET ${sql} WHERE id = $1`, [job.id, ...parameters]);
    return { kind: 'changed', runId };
  });
}
