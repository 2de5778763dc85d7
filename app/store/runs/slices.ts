import type pg from 'pg';
import { BASE_GROUP } from '../../core/fields/field-groups.ts';
import type { RowFacts } from '../../core/fields/row-facts.ts';
import type { Method } from '../../core/runs/method.ts';
import type { SlicePlan, SliceRange } from '../../core/runs/slices.ts';
import { assign } from '../assign.ts';
import { onlyRow, type Queryable, transaction } from '../database.ts';
import { LEASE_HELD, type Lease, requireLease, updateRun } from '../lease.ts';
import { type RowOf, toRecord } from '../to-record.ts';
import type { Run } from './runs.ts';

/** A part of a run that one Salesforce query extracts. */
export interface Slice extends SlicePlan {
  readonly generation: number;
  readonly state: 'planned' | 'extracting' | 'staged';
  /** null until chosen */
  readonly method: Method | null;
  /** why this method */
  readonly reason: string | null;
  readonly countBefore: number | null;
  readonly countAfter: number | null;
  readonly bulkJobId: string | null;
  /** when this generation was first requested from Salesforce; null: not yet */
  readonly requestedAt: Date | null;
  /** when the Bulk job was created; null: none */
  readonly bulkRequestedAt: Date | null;
  /** target rows per page; null until the first page reveals how wide the rows are */
  readonly pageRows: number | null;
  /** rows, according to Salesforce */
  readonly processed: number | null;
  /** rows in the staging table */
  readonly staged: number | null;
  /** Ids that occurred more than once in an earlier extraction, for example "3 Ids from 001… to 001…"; null: none */
  readonly repeatedIds: string | null;
  /** of rows that the service has read itself; null: BigQuery must count them */
  readonly facts: RowFacts | null;
}

const SLICE_COLUMNS = `ordinal, field_group, cursor_from, cursor_to, open, id_from, id_to, null_cursor, ids, generation, state, method, reason,
  count_before, count_after, requested_at, bulk_job_id, bulk_requested_at, page_rows, processed, staged, repeated_ids, facts`;

/** Saves a run's slices, unless an earlier attempt has. @throws AppError lease_lost, in which case nothing has changed */
export async function saveSlices(database: pg.Pool, lease: Lease, slices: readonly SlicePlan[]): Promise<void> {
  // An earlier attempt's inserts ended before this one's claim, and are fenced from then on.
  if ((await readSlices(database, lease)).length > 0) return;
  const insert = async (client: Queryable): Promise<void> => {
    for (const slice of slices) requireLease(await insertSlice(client, lease, slice), lease);
  };
  await (slices.length === 1 ? insert(database) : transaction(database, insert));
}

/**
 * A run's slices in reading order: null cursors first, then by time, so that the open ones are last. For each time range, the field groups
 * follow one another, base group first, so that few rows change in between.
 */
export async function readSlices(database: Queryable, lease: Lease): Promise<Slice[]> {
  const { rows } = await database.query<RowOf<Slice>>(
    `SELECT ${SLICE_COLUMNS} FROM slices WHERE run_id = $1
     ORDER BY null_cursor DESC, cursor_from, open, id_from NULLS FIRST, field_group, ordinal`,
    [lease.runId],
  );
  return rows.map(toRecord);
}

/**
 * Cuts a slice that is too large into these ranges: the slice keeps the last one, and each other range becomes a new slice.
 * @throws AppError lease_lost, in which case nothing has changed
 */
export async function cutSlice(database: pg.Pool, lease: Lease, slice: Slice, ranges: readonly SliceRange[]): Promise<void> {
  await transaction(database, async (client) => {
    const { rows } = await client.query<{ next: number }>('SELECT max(ordinal) + 1 AS next FROM slices WHERE run_id = $1', [lease.runId]);
    const first = onlyRow({ rows }).next;
    for (const [index, range] of ranges.slice(0, -1).entries()) {
      requireLease(await insertSlice(client, lease, { ...range, ordinal: first + index, fieldGroup: slice.fieldGroup }), lease);
    }
    const last = ranges.at(-1)!;
    await client.query('UPDATE slices SET cursor_from = $3, id_from = $4, ids = $5 WHERE run_id = $1 AND ordinal = $2', [
      lease.runId,
      slice.ordinal,
      last.cursorFrom,
      last.idFrom,
      last.ids ?? null,
    ]);
    await startGeneration(client, lease, slice);
  });
}

/**
 * Shortens a run to end at `to` and leaves the rest to the following runs. Field groups are cut independently, so a slice of another group
 * may extend past `to`; it is shortened and requested again.
 * @throws AppError lease_lost, in which case nothing has changed
 */
export async function shortenRun(database: pg.Pool, run: Run, to: Date): Promise<Run> {
  await transaction(database, async (client) => {
    await updateRun(client, run, 'window_to = $3', [to]);
    await client.query('DELETE FROM slices WHERE run_id = $1 AND cursor_from >= $2', [run.runId, to]);
    await client.query(
      `UPDATE slices SET cursor_to = $2, open = false, ${NEXT_GENERATION} WHERE run_id = $1 AND cursor_to > $2 AND NOT null_cursor`,
      [run.runId, to],
    );
  });
  return { ...run, window: { ...run.window, to } };
}

/** Deletes slices that another run will read. @throws AppError lease_lost */
export async function deleteSlices(database: Queryable, lease: Lease, ordinals: readonly number[]): Promise<void> {
  const { rowCount } = await database.query(`DELETE FROM slices WHERE run_id = $1 AND ordinal = ANY($3) AND ${LEASE_HELD}`, [
    lease.runId,
    lease.attempt,
    ordinals,
  ]);
  requireLease(rowCount, lease);
}

async function insertSlice(database: Queryable, lease: Lease, slice: SlicePlan): Promise<number | null> {
  const { rowCount } = await database.query(
    `INSERT INTO slices (run_id, ordinal, cursor_from, cursor_to, open, id_from, id_to, null_cursor, field_group, ids)
     SELECT $1, $3, $4, $5, $6, $7, $8, $9, $10, $11 WHERE ${LEASE_HELD}`,
    [
      lease.runId,
      lease.attempt,
      slice.ordinal,
      slice.cursorFrom,
      slice.cursorTo,
      slice.open,
      slice.idFrom,
      slice.idTo,
      slice.nullCursor,
      slice.fieldGroup,
      slice.ids ?? null,
    ],
  );
  return rowCount;
}

/** The properties of a slice that become known during its extraction. */
export type SliceProgress = Partial<
  Pick<
    Slice,
    | 'state'
    | 'method'
    | 'reason'
    | 'countBefore'
    | 'countAfter'
    | 'requestedAt'
    | 'pageRows'
    | 'processed'
    | 'staged'
    | 'repeatedIds'
    | 'facts'
  >
>;

/** Saves the given properties of a slice; the others stay unchanged. @throws AppError lease_lost */
export async function saveSlice(database: Queryable, lease: Lease, ordinal: number, learned: SliceProgress): Promise<Slice> {
  const { sql, parameters } = assign(learned, 4);
  return await updateSlice(database, lease, ordinal, sql, parameters);
}

/** A worker's claim of a run, with the connection that it uses. */
type ConnectedLease = Lease & { readonly job: Pick<Run['job'], 'connectionId'> };

/** Saves the Bulk job of a slice, which was just created. Without the lease, it is saved only for deletion. @throws AppError lease_lost */
export async function saveBulkJob(database: Queryable, run: ConnectedLease, ordinal: number, bulkJobId: string): Promise<Slice> {
  const result = await database.query<RowOf<Slice>>(
    `WITH created AS (
       INSERT INTO bulk_jobs (connection_id, id, run_id, slice) VALUES ($5, $4, $1, $3)
       ON CONFLICT (connection_id, id) DO UPDATE SET run_id = excluded.run_id, slice = excluded.slice, created_at = now()
     )
     UPDATE slices SET bulk_job_id = $4, bulk_requested_at = now() WHERE run_id = $1 AND ordinal = $3 AND ${LEASE_HELD}
     RETURNING ${SLICE_COLUMNS}`,
    [run.runId, run.attempt, ordinal, bulkJobId, run.job.connectionId],
  );
  requireLease(result.rowCount, run);
  return toRecord(onlyRow(result));
}

async function updateSlice(database: Queryable, lease: Lease, ordinal: number, assignments: string, parameters: unknown[]): Promise<Slice> {
  const result = await database.query<RowOf<Slice>>(
    `UPDATE slices SET ${assignments} WHERE run_id = $1 AND ordinal = $3 AND ${LEASE_HELD} RETURNING ${SLICE_COLUMNS}`,
    [lease.runId, lease.attempt, ordinal, ...parameters],
  );
  requireLease(result.rowCount, lease);
  return toRecord(onlyRow(result));
}

/** Resets a slice for its next generation. */
export const NEXT_GENERATION = `generation = generation + 1, state = 'planned', count_before = NULL, count_after = NULL, requested_at = NULL,
  bulk_job_id = NULL, bulk_requested_at = NULL, processed = NULL, staged = NULL, method = NULL, reason = NULL`;

/**
 * Resets a slice so that it is requested from Salesforce again; discards this generation's counts. Other field groups are read after the
 * base group, so that no row lacks their values: resetting a base slice also resets their slices that overlap it.
 * @throws AppError lease_lost
 */
export async function startGeneration(database: Queryable, lease: Lease, slice: Slice): Promise<Slice> {
  const result = await database.query<RowOf<Slice>>(
    `WITH started AS (
       UPDATE slices SET ${NEXT_GENERATION} WHERE run_id = $1 AND ordinal = $3 AND generation = $4 AND ${LEASE_HELD} RETURNING *
     ), following AS (
       UPDATE slices SET ${NEXT_GENERATION}
       WHERE run_id = $1 AND field_group <> ${BASE_GROUP} AND state <> 'planned' AND EXISTS (
         SELECT FROM started WHERE started.field_group = ${BASE_GROUP} AND started.null_cursor = slices.null_cursor
           AND (started.open OR started.cursor_to > slices.cursor_from) AND (slices.open OR slices.cursor_to > started.cursor_from))
     )
     SELECT ${SLICE_COLUMNS} FROM started`,
    [lease.runId, lease.attempt, slice.ordinal, slice.generation],
  );
  requireLease(result.rowCount, lease);
  return toRecord(onlyRow(result));
}
