import { type FinishedJob, query, runStatement } from '../bigquery/jobs.ts';
import { badValuesStatement, countStatement, type DeltaStatement, deltaStatement, mergeStatement } from '../bigquery/sql.ts';
import { ensureBadValuesTable, ensureTargetTable } from '../bigquery/tables.ts';
import type { Context } from '../context.ts';
import { type Column, columnsOf } from '../core/columns.ts';
import { type Receipt, weakestVerdict } from '../core/receipt.ts';
import { slicesOf } from '../core/slices.ts';
import { type DeltaCounts, judgeDelta } from '../core/verdict.ts';
import { AppError } from '../errors.ts';
import type { SalesforceClient } from '../salesforce/client.ts';
import { saveTarget } from '../store/jobs.ts';
import { type Run, saveColumns, saveDeltaTry, saveMergeTry, succeedRun } from '../store/runs.ts';
import { planSlices } from '../store/slices.ts';
import { badValuesTable, deltaJobId, deltaTable, mergeJobId, runLabels, stagingExpiry, stagingTable, targetTable } from './names.ts';
import { type Extraction, type StagedSlice, stageSlice } from './stage-slice.ts';
import { untilSucceeded } from './until-succeeded.ts';

/**
 * One run, from its window to the merged rows: slices are staged and judged, typed and counted in a delta table, merged into the
 * target table; then, and only then, `last_date` moves. Every step looks first at what an earlier attempt has done.
 * @throws AppError; nothing of the target table or of `last_date` is half-done then
 */
export async function syncRun(context: Context, run: Run, signal: AbortSignal): Promise<Receipt> {
  const client = context.salesforce(run.job.connectionId);
  const columns = await settleColumns(context, client, run);
  const extraction = { context, client, run, columns, signal };

  const staged: StagedSlice[] = [];
  const plan = slicesOf(run.window, run.job.startDate, context.config.overlapMinutes);
  for (const slice of await planSlices(context.database, run, plan)) staged.push(await stageSlice(extraction, slice));
  const filled = staged.filter(({ slice }) => slice.staged !== 0);

  if (filled.length > 0 || !run.job.targetCreatedAt) await prepareTarget(extraction);
  const delta = filled.length > 0 ? await buildDelta(extraction, filled) : { counts: NO_COUNTS, uncast: {} };
  const merged = filled.length > 0 ? await mergeDelta(extraction) : { inserted: 0, updated: 0 };

  const receipt = writeReceipt(staged, delta, merged);
  await succeedRun(context.database, run, receipt);
  return receipt;
}

/** The columns that the run asks for: fixed by its first attempt, since all its pages must have the same. */
async function settleColumns(context: Context, client: SalesforceClient, run: Run): Promise<Column[]> {
  if (run.columns) return run.columns;
  const { fields } = await context.describes.get(client, run.job.connectionId, run.job.objectName);
  const columns = columnsOf(fields);
  for (const needed of ['Id', run.job.cursorField]) {
    if (columns.some((column) => column.name === needed)) continue;
    throw new AppError('salesforce_refused', `The connection's user no longer sees the field ${needed} of ${run.job.objectName}.`);
  }
  await saveColumns(context.database, run, columns);
  return columns;
}

async function prepareTarget({ context, run, columns }: Extraction): Promise<void> {
  const { job } = run;
  const name = targetTable(context, job);
  const createdAt = await ensureTargetTable(context.warehouse, { name, columns, jobId: job.id, createdAt: job.targetCreatedAt });
  if (!job.targetCreatedAt) await saveTarget(context.database, job.id, createdAt);
}

interface Delta {
  counts: DeltaCounts;
  /** values whose text did not cast, by column */
  uncast: Record<string, number>;
}

const NO_COUNTS: DeltaCounts = { stagedIds: 0, deltaRows: 0, unusable: 0 };

/** Types what was staged, keeps the newest reading of each Id, and counts. @throws AppError count_mismatch */
async function buildDelta(extraction: Extraction, filled: StagedSlice[]): Promise<Delta> {
  const { context, run, columns, signal } = extraction;
  const slices = filled.map(({ slice }) => slice);
  const statement: DeltaStatement = {
    delta: deltaTable(context, run.runId),
    slices: slices.map((slice) => ({ ordinal: slice.ordinal, table: stagingTable(context, run.runId, slice) })),
    columns,
    cursorField: run.job.cursorField,
    runId: run.runId,
    expiresAt: stagingExpiry(run.createdAt),
  };
  const labels = runLabels(run.runId, run.job);
  await untilSucceeded(
    run.deltaTry,
    (number) => saveDeltaTry(context.database, run, number),
    (number) => runStatement(context.warehouse, deltaJobId(run.runId, slices, number), deltaStatement(statement), labels, signal),
  );
  const [row] = await query<Record<string, number>>(context.warehouse, countStatement(statement), labels);
  const delta = readDelta(row ?? {}, columns);
  const verdict = judgeDelta(delta.counts);
  if (!verdict.ok) throw new AppError('count_mismatch', `The counts do not agree: ${verdict.reason}.`);
  await keepBadValues(extraction, statement, delta.uncast);
  return delta;
}

/** Keeps the texts that did not cast, for somebody to look at: their columns are NULL. */
async function keepBadValues({ context, run, columns }: Extraction, statement: DeltaStatement, uncast: Delta['uncast']): Promise<void> {
  const bad = columns.filter((column) => column.name in uncast);
  if (bad.length === 0) return;
  const table = badValuesTable(context, run.job);
  await ensureBadValuesTable(context.warehouse, table);
  const sql = badValuesStatement(table, run.job.objectName, statement, bad);
  await query(context.warehouse, sql, runLabels(run.runId, run.job));
}

function readDelta(row: Record<string, number>, columns: readonly Column[]): Delta {
  const count = (name: string): number => Number(row[name] ?? Number.NaN);
  const uncast = columns.map(({ name }, index) => [name, Number(row[`uncast_${index}`] ?? 0)] as const).filter(([, values]) => values > 0);
  return {
    counts: { stagedIds: count('staged_ids'), deltaRows: count('delta_rows'), unusable: count('unusable') },
    uncast: Object.fromEntries(uncast),
  };
}

type Merged = Pick<FinishedJob, 'inserted' | 'updated'>;

async function mergeDelta({ context, run, columns, signal }: Extraction): Promise<Merged> {
  const sql = mergeStatement(targetTable(context, run.job), deltaTable(context, run.runId), columns, run.job.cursorField);
  return await untilSucceeded(
    run.mergeTry,
    (number) => saveMergeTry(context.database, run, number),
    (number) => runStatement(context.warehouse, mergeJobId(run.runId, number), sql, runLabels(run.runId, run.job), signal),
  );
}

function writeReceipt(staged: StagedSlice[], { counts, uncast }: Delta, merged: Merged): Receipt {
  const sum = (numbers: (number | null)[]): number => numbers.reduce<number>((total, number) => total + (number ?? 0), 0);
  const sumKnown = (numbers: (number | null)[]): number | null => (numbers.includes(null) ? null : sum(numbers));
  const slices = staged.map(({ slice }) => slice);
  const pages = staged.flatMap((slice) => slice.pages);
  return {
    salesforce_before: sumKnown(slices.map((slice) => slice.countBefore)),
    salesforce_after: sumKnown(slices.map((slice) => slice.countAfter)),
    processed: sum(slices.map((slice) => slice.processed)),
    paged: sum(pages.map((page) => page.rows)),
    loaded: sum(pages.map((page) => page.loaded)),
    staged: sum(slices.map((slice) => slice.staged)),
    distinct_ids: counts.stagedIds,
    delta_rows: counts.deltaRows,
    inserted: merged.inserted,
    updated: merged.updated,
    uncast,
    pages: pages.length,
    bytes: sum(pages.map((page) => page.bytes)),
    verdict: weakestVerdict(staged.map((slice) => slice.verdict)),
  };
}
