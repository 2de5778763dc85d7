import type pg from 'pg';
import { BASE_GROUP, type FieldPlan, groupsOf } from '../core/field-groups.ts';
import type { Method } from '../core/method.ts';
import type { SlicePlan, SliceRange } from '../core/slices.ts';
import { onlyRow, type Queryable, transaction } from './database.ts';
import { LEASE_HELD, type Lease, type Run, requireLease, type SettledFields, saveColumns, saveFieldPlan, saveWindowEnd } from './runs.ts';

/** A part of a run that one Salesforce query extracts. */
export interface Slice extends SlicePlan {
  generation: number;
  state: 'planned' | 'extracting' | 'staged';
  /** null until chosen */
  method: Method | null;
  /** why this method */
  reason: string | null;
  countBefore: number | null;
  countAfter: number | null;
  bulkJobId: string | null;
  /** when the Bulk job was created; null: none */
  bulkAskedAt: Date | null;
  /** target rows per page; null until the first page reveals how wide the rows are */
  pageRows: number | null;
  /** rows, according to Salesforce */
  processed: number | null;
  /** rows in the staging table */
  staged: number | null;
  /** Ids that occurred more than once in an earlier extraction, for example "3 Ids from 001… to 001…"; null: none */
  repeatedIds: string | null;
}

interface Row {
  ordinal: number;
  cursor_from: Date;
  cursor_to: Date;
  open: boolean;
  id_from: string | null;
  id_to: string | null;
  generation: number;
  state: Slice['state'];
  method: Method | null;
  reason: string | null;
  count_before: number | null;
  count_after: number | null;
  bulk_job_id: string | null;
  bulk_asked_at: Date | null;
  page_rows: number | null;
  processed: number | null;
  staged: number | null;
  repeated_ids: string | null;
  null_cursor: boolean;
  field_group: number;
}

/** Saves a run's slices, unless an earlier attempt has. @throws AppError lease_lost, in which case nothing has changed */
export async function saveSlices(database: pg.Pool, lease: Lease, slices: readonly SlicePlan[]): Promise<void> {
  await transaction(database, async (client) => {
    const existing = await readSlices(client, lease);
    if (existing.length > 0) return;
    for (const slice of slices) requireLease(await insertSlice(client, lease, slice), lease);
  });
}

/**
 * A run's slices in reading order: null cursors first, then by time, so that the open ones are last. For each time range, the field groups
 * follow one another, base group first, so that few rows change in between.
 */
export async function readSlices(database: Queryable, lease: Lease): Promise<Slice[]> {
  const { rows } = await database.query<Row>(
    'SELECT * FROM slices WHERE run_id = $1 ORDER BY null_cursor DESC, cursor_from, open, id_from NULLS FIRST, field_group, ordinal',
    [lease.runId],
  );
  return rows.map(toSlice);
}

/**
 * Replaces the fields of a run that has no rows yet, and deletes its slices, to be planned again.
 * @throws AppError lease_lost, in which case nothing has changed
 */
export async function replaceFields(database: pg.Pool, run: Run, fields: SettledFields): Promise<void> {
  await transaction(database, async (client) => {
    await saveColumns(client, run, fields);
    await client.query('DELETE FROM slices WHERE run_id = $1', [run.runId]);
  });
  Object.assign(run, fields);
}

/** A change to the settled fields of a run. */
export interface FieldChange extends SettledFields {
  plan: FieldPlan;
  /** the group whose queries change: its slices are requested again, except staged ones */
  group: number;
  /** a new group, which gets slices of the same ranges; undefined: none */
  newGroup?: number | undefined;
}

/** Changes a run's fields and saves the plan with its job. @throws AppError lease_lost, in which case nothing has changed */
export async function changeFields(database: pg.Pool, run: Run, { columns, drift, plan, group, newGroup }: FieldChange): Promise<void> {
  await transaction(database, async (client) => {
    await saveColumns(client, run, { columns, drift });
    await saveFieldPlan(client, run, plan);
    if (newGroup !== undefined) await copySlices(client, run, group, newGroup);
    await client.query(
      `UPDATE slices SET ${NEXT_GENERATION} WHERE run_id = $1 AND field_group = $2 AND method IS NOT NULL AND state <> 'staged'`,
      [run.runId, group],
    );
    await client.query('DELETE FROM slices WHERE run_id = $1 AND field_group <> ALL($2)', [run.runId, groupsOf(columns)]);
  });
  Object.assign(run, { columns, drift });
  run.job.fieldPlan = plan;
}

async function copySlices(client: Queryable, { runId }: Lease, group: number, newGroup: number): Promise<void> {
  await client.query(
    `INSERT INTO slices (run_id, ordinal, field_group, cursor_from, cursor_to, open, id_from, id_to, null_cursor)
     SELECT run_id, (SELECT max(ordinal) FROM slices WHERE run_id = $1) + row_number() OVER (ORDER BY ordinal), $3,
       cursor_from, cursor_to, open, id_from, id_to, null_cursor
     FROM slices WHERE run_id = $1 AND field_group = $2`,
    [runId, group, newGroup],
  );
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
    await client.query('UPDATE slices SET cursor_from = $3, id_from = $4 WHERE run_id = $1 AND ordinal = $2', [
      lease.runId,
      slice.ordinal,
      last.cursorFrom,
      last.idFrom,
    ]);
    await startGeneration(client, lease, slice);
  });
}

/**
 * Shortens a run to end at `to` and leaves the rest to the following runs. Field groups are cut independently, so a slice of another group
 * may extend past `to`; it is shortened and requested again.
 * @throws AppError lease_lost, in which case nothing has changed
 */
export async function shortenRun(database: pg.Pool, lease: Lease, to: Date): Promise<void> {
  await transaction(database, async (client) => {
    await saveWindowEnd(client, lease, to);
    await client.query('DELETE FROM slices WHERE run_id = $1 AND cursor_from >= $2', [lease.runId, to]);
    await client.query(
      `UPDATE slices SET cursor_to = $2, open = false, ${NEXT_GENERATION} WHERE run_id = $1 AND cursor_to > $2 AND NOT null_cursor`,
      [lease.runId, to],
    );
  });
}

async function insertSlice(database: Queryable, lease: Lease, slice: SlicePlan): Promise<number | null> {
  const { rowCount } = await database.query(
    `INSERT INTO slices (run_id, ordinal, cursor_from, cursor_to, open, id_from, id_to, null_cursor, field_group)
     SELECT $1, $3, $4, $5, $6, $7, $8, $9, $10 WHERE ${LEASE_HELD}`,
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
    ],
  );
  return rowCount;
}

/** The properties of a slice that become known during its extraction. */
export type SliceProgress = Partial<
  Pick<
    Slice,
    'state' | 'method' | 'reason' | 'countBefore' | 'countAfter' | 'bulkJobId' | 'pageRows' | 'processed' | 'staged' | 'repeatedIds'
  >
>;

/** Saves the given properties of a slice; the others stay unchanged. @throws AppError lease_lost */
export async function saveSlice(database: Queryable, lease: Lease, ordinal: number, learned: SliceProgress): Promise<Slice> {
  const result = await database.query<Row>(
    `UPDATE slices SET state = coalesce($4, state), count_before = coalesce($5, count_before), count_after = coalesce($6, count_after),
       bulk_job_id = coalesce($7, bulk_job_id), bulk_asked_at = coalesce(bulk_asked_at, CASE WHEN $7::text IS NOT NULL THEN now() END),
       processed = coalesce($8, processed), staged = coalesce($9, staged),
       method = coalesce($10, method), reason = coalesce($11, reason), page_rows = coalesce($12, page_rows),
       repeated_ids = coalesce($13, repeated_ids)
     WHERE run_id = $1 AND ordinal = $3 AND ${LEASE_HELD} RETURNING *`,
    [
      lease.runId,
      lease.attempt,
      ordinal,
      learned.state ?? null,
      learned.countBefore ?? null,
      learned.countAfter ?? null,
      learned.bulkJobId ?? null,
      learned.processed ?? null,
      learned.staged ?? null,
      learned.method ?? null,
      learned.reason ?? null,
      learned.pageRows ?? null,
      learned.repeatedIds ?? null,
    ],
  );
  requireLease(result.rowCount, lease);
  return toSlice(onlyRow(result));
}

/** Resets a slice for its next generation. */
const NEXT_GENERATION = `generation = generation + 1, state = 'planned', count_before = NULL, count_after = NULL, bulk_job_id = NULL,
  bulk_asked_at = NULL, processed = NULL, staged = NULL, method = NULL, reason = NULL`;

/**
 * Resets a slice so that it is requested from Salesforce again; discards this generation's counts. Other field groups are read after the
 * base group, so that no row lacks their values: resetting a base slice also resets their slices that overlap it.
 * @throws AppError lease_lost
 */
export async function startGeneration(database: Queryable, lease: Lease, slice: Slice): Promise<Slice> {
  const result = await database.query<Row>(
    `WITH started AS (
       UPDATE slices SET ${NEXT_GENERATION} WHERE run_id = $1 AND ordinal = $3 AND generation = $4 AND ${LEASE_HELD} RETURNING *
     ), following AS (
       UPDATE slices SET ${NEXT_GENERATION}
       WHERE run_id = $1 AND field_group <> ${BASE_GROUP} AND state <> 'planned' AND EXISTS (
         SELECT FROM started WHERE started.field_group = ${BASE_GROUP} AND started.null_cursor = slices.null_cursor
           AND (started.open OR started.cursor_to > slices.cursor_from) AND (slices.open OR slices.cursor_to > started.cursor_from))
     )
     SELECT * FROM started`,
    [lease.runId, lease.attempt, slice.ordinal, slice.generation],
  );
  requireLease(result.rowCount, lease);
  return toSlice(onlyRow(result));
}

function toSlice(row: Row): Slice {
  return {
    ordinal: row.ordinal,
    cursorFrom: row.cursor_from,
    cursorTo: row.cursor_to,
    open: row.open,
    idFrom: row.id_from,
    idTo: row.id_to,
    generation: row.generation,
    state: row.state,
    method: row.method,
    reason: row.reason,
    countBefore: row.count_before,
    countAfter: row.count_after,
    bulkJobId: row.bulk_job_id,
    bulkAskedAt: row.bulk_asked_at,
    pageRows: row.page_rows,
    processed: row.processed,
    staged: row.staged,
    repeatedIds: row.repeated_ids,
    nullCursor: row.null_cursor,
    fieldGroup: row.field_group,
  };
}
