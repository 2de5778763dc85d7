import { type JobField, toFieldRow } from '../../core/fields/field-rows.ts';
import { FIELD_COLUMNS, FIELDS_TABLE } from '../../core/fields/metadata-tables.ts';
import { onlyRow, type Queryable } from '../database.ts';
import { insertBatch } from '../outbox/outbox.ts';
import { type RowOf, toRecord } from '../to-record.ts';
import { KNOWN_FIELD_COLUMNS } from './described-fields.ts';

/** A release with other columns writes the table again. */
const FORM = FIELD_COLUMNS.map(({ name }) => name).join();

/**
 * Creates a batch with the dictionaries of a dataset's jobs, unless the newest one has the same. Reads them only then: they may have tens of
 * thousands of fields. Must be called in a transaction. Uses outbox_batches_by_table.
 */
export async function batchFields(client: Queryable, dataset: string): Promise<void> {
  const { digest, newest } = onlyRow(
    await client.query<{ digest: string | null; newest: string | null }>(
      `SELECT (SELECT md5($3 || string_agg(id || fields_digest, ',' ORDER BY id)) FROM jobs WHERE target_dataset = $1) AS digest,
         (SELECT digest FROM outbox_batches WHERE dataset = $1 AND table_name = $2 ORDER BY id DESC LIMIT 1) AS newest`,
      [dataset, FIELDS_TABLE.name, FORM],
    ),
  );
  if (digest === newest) return;
  const { rows } = await client.query<RowOf<JobField>>(
    `SELECT jobs.id AS job_id, jobs.object_name, jobs.target_table, ${KNOWN_FIELD_COLUMNS}
     FROM jobs JOIN described_fields ON described_fields.job_id = jobs.id
     WHERE jobs.target_dataset = $1 ORDER BY jobs.created_at, jobs.id, described_fields.place, described_fields.field`,
    [dataset],
  );
  await insertBatch(
    client,
    dataset,
    FIELDS_TABLE.name,
    rows.map((row) => toFieldRow(toRecord(row))),
    digest,
  );
}
