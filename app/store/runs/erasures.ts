import type pg from 'pg';
import { markUnfilled } from '../../core/fields/field-columns.ts';
import type { Erasure, Reimport } from '../../core/runs/pass.ts';
import { AppError } from '../../errors.ts';
import { onlyRow, type Queryable, transaction } from '../database.ts';
import { forgetPicklists } from '../jobs/described-fields.ts';
import { readBackfill, readFieldColumns } from '../jobs/field-columns.ts';
import { type Job, lockOpenRuns } from '../jobs/jobs.ts';
import { endSucceeded } from './end-run.ts';
import { queueFirst } from './queue-first.ts';
import { queueBackfill, queueUnfinished, type Repair } from './queue-runs.ts';
import type { Run } from './runs.ts';

/**
 * Completes a run that erased values: saves its receipt and state, has the fields that the job still reads filled again, and queues what
 * else is to be erased, or what erasing runs interrupted, in one transaction.
 * @param columns those that it emptied
 * @throws AppError lease_lost, in which case nothing has changed
 */
export async function succeedErasure(
  database: pg.Pool,
  run: Run,
  { clear, erase }: Pick<Reimport, 'clear' | 'erase'>,
  receipt: object,
  columns: readonly string[],
): Promise<void> {
  await transaction(database, async (client) => {
    await endSucceeded(client, run, receipt);
    if (clear) await saveCleared(client, run, clear, columns);
    if (erase !== undefined) await saveErased(client, run, erase);
    await queueUnfinished(client, { jobId: run.job.id });
    await queueBackfill(client, run.job.id);
  });
}

/** Records that fields are cleared: their columns are not filled, their values not described, and those that the job still reads are to backfill. */
async function saveCleared(client: Queryable, run: Run, fields: readonly string[], columns: readonly string[]): Promise<void> {
  const { clear_fields, now } = onlyRow(
    await client.query<{ clear_fields: Record<string, boolean>; now: Date }>(
      'SELECT clear_fields, now() AS now FROM jobs WHERE id = $1 FOR NO KEY UPDATE',
      [run.job.id],
    ),
  );
  const refill = fields.filter((field) => clear_fields[field]).map((field) => [field, now.toISOString()]);
  const backfill = { ...(await readBackfill(client, run.job.id)), ...Object.fromEntries(refill) };
  await client.query('UPDATE jobs SET field_columns = $2, backfill_fields = $3, clear_fields = clear_fields - $4::text[] WHERE id = $1', [
    run.job.id,
    JSON.stringify(markUnfilled(await readFieldColumns(client, run), columns)),
    JSON.stringify(backfill),
    fields,
  ]);
  await forgetPicklists(client, run.job.id, fields);
}

async function saveErased(client: Queryable, { job }: Run, hash: string): Promise<void> {
  await client.query('UPDATE jobs SET erase_records = array_remove(erase_records, $2) WHERE id = $1', [job.id, hash]);
}

/** Whether the worker of a cancelled run of a job may not have noticed that it is cancelled. */
export async function hasLiveWorker(database: Queryable, jobId: string): Promise<boolean> {
  const { rowCount } = await database.query(
    `SELECT FROM runs WHERE job_id = $1 AND state NOT IN ('queued', 'running', 'succeeded') AND lease_until >= now() LIMIT 1`,
    [jobId],
  );
  return rowCount !== 0;
}

/** Each is part of every statement that types rows of the job, which BigQuery limits to 1 MB. */
const MAX_SUPPRESSED = 500;

/**
 * Queues the erasure of a record before all other runs of its job. Must be called in a transaction.
 * @param suppress whether the job's runs leave the record out from now on
 * @returns the id of its run
 * @throws AppError conflict if too many records are left out
 */
export async function queueErasure(
  client: Queryable,
  { id, objectName }: Pick<Job, 'id' | 'objectName'>,
  repair: Repair & Erasure & { readonly erase: string },
  suppress: boolean,
): Promise<string> {
  await lockOpenRuns(client, id);
  const { rowCount } = await client.query(
    `UPDATE jobs SET suppressed = CASE WHEN NOT $3 OR $2 = ANY(suppressed) THEN suppressed ELSE suppressed || $2::text END
     WHERE id = $1 AND (NOT $3 OR $2 = ANY(suppressed) OR cardinality(suppressed) < $4)`,
    [id, repair.erase, suppress, MAX_SUPPRESSED],
  );
  if (rowCount === 1) return await queueFirst(client, id, repair);
  throw new AppError(
    'conflict',
    `The job for ${objectName} leaves out ${MAX_SUPPRESSED} records already, which is the limit. Delete the record in Salesforce, and erase it without suppress.`,
  );
}
