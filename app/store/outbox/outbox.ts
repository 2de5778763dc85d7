import { createHash } from 'node:crypto';
import type { MetadataRow } from '../../core/fields/metadata-tables.ts';
import { onlyRow, type Queryable } from '../database.ts';
import { type RowOf, toRecord } from '../to-record.ts';

/** The content of one load job into a metadata table. Its rows are fixed; only the try number changes. */
export interface Batch {
  /** increases with time */
  readonly id: number;
  /** distinguishes the batch from those of another or a restored job store, which repeats ids */
  readonly token: string;
  readonly dataset: string;
  readonly tableName: string;
  readonly rows: readonly MetadataRow[];
  readonly loadTry: number;
}

/**
 * Whether the next batch of a table may be created: every earlier one is loaded, and the interval since its load job has passed. Then rows
 * wait in their own tables, where there is no limit on them. Uses outbox_batches_by_table.
 */
export async function isDue(client: Queryable, dataset: string, tableName: string): Promise<boolean> {
  const { rowCount } = await client.query(
    'SELECT FROM outbox_batches WHERE dataset = $1 AND table_name = $2 AND (loaded_at IS NULL OR next_load_at > now()) LIMIT 1',
    [dataset, tableName],
  );
  return rowCount === 0;
}

/**
 * Creates a batch of a table. Call it in the transaction that marks the source of its rows.
 * @param digest of the whole content of a table that is replaced; null: the rows are added
 */
export async function insertBatch(
  client: Queryable,
  dataset: string,
  tableName: string,
  rows: readonly MetadataRow[],
  digest: string | null = null,
): Promise<void> {
  await client.query('INSERT INTO outbox_batches (dataset, table_name, rows, digest) VALUES ($1, $2, $3, $4)', [
    dataset,
    tableName,
    JSON.stringify(rows),
    digest,
  ]);
}

/** Creates a batch that replaces a table's content, unless the newest batch of the table has the same rows. */
export async function insertReplacement(
  client: Queryable,
  dataset: string,
  tableName: string,
  rows: readonly MetadataRow[],
): Promise<void> {
  const json = JSON.stringify(rows);
  const digest = createHash('sha256').update(json).digest('hex');
  await client.query(
    `INSERT INTO outbox_batches (dataset, table_name, rows, digest)
     SELECT $1, $2, $3::jsonb, $4 WHERE $4 IS DISTINCT FROM
       (SELECT digest FROM outbox_batches WHERE dataset = $1 AND table_name = $2 ORDER BY id DESC LIMIT 1)`,
    [dataset, tableName, json, digest],
  );
}

/**
 * Claims the oldest batch of a table that had no load job for `intervalMs`, which is also how long no other process gets a batch of that
 * table. A process that still works on it afterwards does no harm: the load job's id is the same for both.
 * @param tableNames only batches of these tables: those that this release knows
 * @returns undefined if no batch is due
 */
export async function claimBatch(database: Queryable, tableNames: readonly string[], intervalMs: number): Promise<Batch | undefined> {
  const { rows } = await database.query<RowOf<Batch>>(
    `WITH next AS (
       SELECT id FROM outbox_batches AS batch
       WHERE loaded_at IS NULL AND next_load_at <= now() AND table_name = ANY($1)
         AND NOT EXISTS (
           SELECT FROM outbox_batches AS other WHERE other.dataset = batch.dataset AND other.table_name = batch.table_name
             AND (other.next_load_at > now() OR (other.id < batch.id AND other.loaded_at IS NULL))
         )
       ORDER BY next_load_at, id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
     )
     UPDATE outbox_batches SET next_load_at = now() + $2 * interval '1 millisecond' FROM next
     WHERE outbox_batches.id = next.id
     RETURNING outbox_batches.id, token, dataset, table_name, rows, load_try`,
    [tableNames, intervalMs],
  );
  return rows[0] && toRecord(rows[0]);
}

/** Gives a batch the next try number, after its load job was seen to fail. Does nothing if another process did. */
export async function raiseLoadTry(database: Queryable, { id, loadTry }: Batch): Promise<void> {
  await database.query('UPDATE outbox_batches SET load_try = load_try + 1 WHERE id = $1 AND load_try = $2', [id, loadTry]);
}

/** Records that a batch is loaded, and deletes its rows and the loaded batches of its table before it. Idempotent. */
export async function finishBatch(database: Queryable, { id, dataset, tableName }: Batch): Promise<void> {
  await database.query(
    `WITH finished AS (
       UPDATE outbox_batches SET loaded_at = now(), rows = NULL WHERE id = $1 AND loaded_at IS NULL
     )
     DELETE FROM outbox_batches WHERE dataset = $2 AND table_name = $3 AND id < $1 AND loaded_at IS NOT NULL`,
    [id, dataset, tableName],
  );
}

/** Serializes the creation of batches. Any number that no other advisory lock of ours uses. */
const OUTBOX_LOCK = 0x5f_b9_05;

/** Takes the lock on the creation of batches until the transaction ends. @returns false if another process has it */
export async function tryLockOutbox(client: Queryable): Promise<boolean> {
  const result = await client.query<{ locked: boolean }>('SELECT pg_try_advisory_xact_lock($1) AS locked', [OUTBOX_LOCK]);
  return onlyRow(result).locked;
}
