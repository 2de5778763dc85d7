import { createHash } from 'node:crypto';
import type pg from 'pg';
import type { DictionaryField, KnownField } from '../../core/fields/dictionary.ts';
import { type Queryable, transaction } from '../database.ts';
import { LEASE_HELD, requireLease } from '../lease.ts';
import type { Run } from '../runs/runs.ts';
import { type RowOf, toRecord } from '../to-record.ts';

/** The columns of a field, in the order of KnownField. */
export const KNOWN_FIELD_COLUMNS = `described_fields.field, described_fields.column_name, described_fields.column_type, described_fields.hashed,
  described_fields.label, described_fields.type, described_fields.help, described_fields.formula, described_fields.picklist, described_fields.refers_to,
  described_fields.since, described_fields.until`;

/** The fields of a job's dictionary, also those that are no longer described. */
export async function readDescribedFields(database: Queryable, jobId: string): Promise<KnownField[]> {
  const { rows } = await database.query<RowOf<KnownField>>(
    `SELECT ${KNOWN_FIELD_COLUMNS} FROM described_fields WHERE job_id = $1 ORDER BY place, field`,
    [jobId],
  );
  return rows.map(toRecord);
}

/** Removes the picklist values of some fields from a job's dictionary. The metadata table `_fields` is written again if there were any. */
export async function forgetPicklists(database: Queryable, jobId: string, fields: readonly string[]): Promise<void> {
  await database.query(
    `WITH forgotten AS (
       UPDATE described_fields SET picklist = NULL WHERE job_id = $1 AND field = ANY($2) AND picklist IS NOT NULL RETURNING field)
     UPDATE jobs SET fields_digest = md5(fields_digest) WHERE id = $1 AND EXISTS (SELECT FROM forgotten)`,
    [jobId, fields],
  );
}

/**
 * Replaces the dictionary of a run's job, unless it is unchanged. A field that it lacks stays with the time at which it was first missing,
 * and a field without a column keeps the one that it filled last.
 * @throws AppError lease_lost, in which case nothing has changed
 */
export async function saveDescribedFields(database: pg.Pool, run: Run, fields: readonly DictionaryField[]): Promise<void> {
  const json = JSON.stringify(fields);
  const digest = createHash('sha256').update(json).digest('hex');
  const { rowCount } = await database.query('SELECT FROM jobs WHERE id = $1 AND fields_digest = $2', [run.job.id, digest]);
  if (rowCount === 1) return;
  await transaction(database, async (client) => {
    const changed = await client.query(`UPDATE jobs SET fields_digest = $4 WHERE id = $3 AND ${LEASE_HELD}`, [
      run.runId,
      run.attempt,
      run.job.id,
      digest,
    ]);
    requireLease(changed.rowCount, run);
    await client.query(
      `INSERT INTO described_fields (job_id, field, place, column_name, column_type, hashed, label, type, help, formula, picklist, refers_to)
       SELECT $1, described.value ->> 'field', described.place, described.value ->> 'columnName', described.value ->> 'columnType',
         (described.value -> 'hashed')::boolean, described.value ->> 'label', described.value ->> 'type', described.value ->> 'help', described.value ->> 'formula',
         nullif(described.value -> 'picklist', 'null'), nullif(described.value -> 'refersTo', 'null')
       FROM jsonb_array_elements($2::jsonb) WITH ORDINALITY AS described (value, place)
       ON CONFLICT (job_id, field) DO UPDATE SET place = EXCLUDED.place,
         column_name = coalesce(EXCLUDED.column_name, described_fields.column_name),
         column_type = coalesce(EXCLUDED.column_type, described_fields.column_type),
         hashed = EXCLUDED.hashed, label = EXCLUDED.label, type = EXCLUDED.type, help = EXCLUDED.help, formula = EXCLUDED.formula, picklist = EXCLUDED.picklist,
         refers_to = EXCLUDED.refers_to, until = NULL`,
      [run.job.id, json],
    );
    await client.query(`UPDATE described_fields SET until = now() WHERE job_id = $1 AND until IS NULL AND field <> ALL($2)`, [
      run.job.id,
      fields.map(({ field }) => field),
    ]);
  });
}
