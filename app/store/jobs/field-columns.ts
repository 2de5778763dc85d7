import type { FieldColumn } from '../../core/fields/columns.ts';
import {
  type Backfill,
  type FieldColumns,
  fieldColumnsOf,
  markFilled,
  markUnfilled,
  settleBackfill,
} from '../../core/fields/field-columns.ts';
import { isComparison, replacesTable } from '../../core/runs/pass.ts';
import { onlyRow, type Queryable } from '../database.ts';
import { LEASE_HELD, requireLease } from '../lease.ts';
import type { Run } from '../runs/runs.ts';

/** The columns that a run's job created for fields before. A job of an earlier release has the columns of its runs. */
export async function readFieldColumns(database: Queryable, run: Run): Promise<FieldColumns> {
  const result = await database.query<{ field_columns: FieldColumns | null }>('SELECT field_columns FROM jobs WHERE id = $1', [run.job.id]);
  return onlyRow(result).field_columns ?? (await fieldColumnsOfRuns(database, run));
}

/** The fields for which a job has created columns. Empty before its first run, and for a job of an earlier release. */
export async function readJobFields(database: Queryable, jobId: string): Promise<string[]> {
  const result = await database.query<{ fields: string[] }>(
    `SELECT ARRAY(SELECT jsonb_object_keys(coalesce(field_columns, '{}'))) AS fields FROM jobs WHERE id = $1`,
    [jobId],
  );
  return onlyRow(result).fields;
}

/** Uses runs_by_job. */
async function fieldColumnsOfRuns(database: Queryable, { runId, job }: Run): Promise<FieldColumns> {
  const { rows } = await database.query<{ columns: FieldColumn[] }>(
    `SELECT columns FROM runs WHERE job_id = $1 AND id <> $2 AND state = 'succeeded' AND kind <> 'sweep' AND columns IS NOT NULL
     ORDER BY created_at DESC`,
    [job.id, runId],
  );
  const [latest, ...earlier] = rows.map(({ columns }) => fieldColumnsOf(columns));
  if (!latest) return {};
  const unfilled = earlier
    .toReversed()
    .flatMap((columns) => Object.entries(columns).map(([field, { column }]) => [field, { column, filled: false }]));
  return { ...Object.fromEntries(unfilled), ...latest };
}

/** The fields of a job that old rows lack. */
export async function readBackfill(database: Queryable, jobId: string): Promise<Backfill> {
  const result = await database.query<{ backfill: Backfill }>(
    `SELECT coalesce(backfill_fields, '{}') AS backfill FROM jobs WHERE id = $1`,
    [jobId],
  );
  return onlyRow(result).backfill;
}

/** Records the columns of a target table that a run is about to create. @throws AppError lease_lost */
export async function saveNewFieldColumns(database: Queryable, run: Run, columns: readonly FieldColumn[]): Promise<void> {
  await saveFieldColumns(database, run, fieldColumnsOf(columns));
}

/**
 * Records the columns that a run adds again after a user dropped them, or sets to NULL on the rows that it updates. Called before its first
 * write: even if the run never ends, their fields are backfilled when they return. The run must have the table lease.
 * @throws AppError lease_lost
 */
export async function saveUnfilled(database: Queryable, run: Run): Promise<void> {
  const { added, emptied } = run.drift;
  if (added.length + emptied.length === 0) return;
  await saveFieldColumns(database, run, markUnfilled(await readFieldColumns(database, run), [...added, ...emptied]));
}

async function saveFieldColumns(database: Queryable, run: Run, recorded: FieldColumns): Promise<void> {
  const { rowCount } = await database.query(`UPDATE jobs SET field_columns = $4 WHERE id = $3 AND ${LEASE_HELD}`, [
    run.runId,
    run.attempt,
    run.job.id,
    JSON.stringify(recorded),
  ]);
  requireLease(rowCount, run);
}

/**
 * Records which columns a run has filled: the fields that appeared with it are to backfill, and a sweep has backfilled its own. Must be
 * called in the transaction that ends the run. Fields that were not described for the run say nothing.
 */
export async function saveFilled(client: Queryable, run: Run): Promise<void> {
  const { runId, job, pass, described, columns } = run;
  if (!described || !columns || isComparison(pass)) return;
  const state = onlyRow(
    await client.query<{ backfill: Backfill; now: Date; started_at: Date }>(
      `SELECT coalesce(backfill_fields, '{}') AS backfill, now() AS now, runs.started_at FROM jobs JOIN runs ON runs.id = $2
       WHERE jobs.id = $1 FOR NO KEY UPDATE OF jobs`,
      [job.id, runId],
    ),
  );
  const before = { recorded: await readFieldColumns(client, run), backfill: state.backfill };
  const filled = pass.kind === 'sweep' ? before : addAppeared(before, columns, state.now);
  // A run that replaces the table gives its old rows the values of all fields, too.
  const isSettled = pass.kind === 'sweep' || replacesTable(pass, job);
  const after = isSettled ? settleBackfill({ ...filled, backfill: before.backfill }, columns, state.started_at) : filled;
  await client.query('UPDATE jobs SET field_columns = $2, backfill_fields = $3 WHERE id = $1', [
    job.id,
    JSON.stringify(after.recorded),
    JSON.stringify(after.backfill),
  ]);
}

interface FilledState {
  recorded: FieldColumns;
  backfill: Backfill;
}

function addAppeared({ recorded, backfill }: FilledState, columns: readonly FieldColumn[], now: Date): FilledState {
  const filled = markFilled(recorded, columns);
  const appeared = filled.appeared.map((field) => [field, now.toISOString()]);
  return { recorded: filled.recorded, backfill: { ...backfill, ...Object.fromEntries(appeared) } };
}
