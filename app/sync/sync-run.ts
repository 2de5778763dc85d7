import { type FinishedJob, query, runStatement } from '../bigquery/jobs.ts';
import { badValuesStatement, countStatement, type DeltaStatement, deltaStatement, mergeStatement } from '../bigquery/sql.ts';
import { ensureBadValuesTable, ensureTargetTable, type FoundTable, findTargetTable, type TargetIdentity } from '../bigquery/tables.ts';
import type { Context } from '../context.ts';
import { type Column, columnsOf } from '../core/columns.ts';
import { type Drift, settleDrift } from '../core/drift.ts';
import { type Receipt, weakestVerdict } from '../core/receipt.ts';
import { sum } from '../core/sum.ts';
import { type DeltaCounts, judgeDelta } from '../core/verdict.ts';
import { AppError } from '../errors.ts';
import type { SalesforceClient } from '../salesforce/client.ts';
import { type Run, saveColumns, saveDeltaTry, saveInsertOnly, saveMergeTry, saveTarget, succeedRun } from '../store/runs.ts';
import { closeAbandoned } from './close-abandoned.ts';
import { badValuesTable, deltaJobId, deltaTable, mergeJobId, runLabels, stagingExpiry, stagingTable, targetTable } from './names.ts';
import { requireQuota } from './quota.ts';
import type { Extraction, StagedSlice } from './stage-slice.ts';
import { stageSlices } from './stage-slices.ts';
import { untilSucceeded } from './until-succeeded.ts';

/**
 * One run, from its window to the merged rows: slices are staged and judged, typed and counted in a delta table, merged into the
 * target table; then, and only then, `last_date` moves. Every step looks first at what an earlier attempt has done.
 * @throws AppError; nothing of the target table or of `last_date` is half-done then
 */
export async function syncRun(context: Context, run: Run, signal: AbortSignal): Promise<Receipt> {
  const client = context.salesforce(run.job.connectionId, signal);
  const seen = await settleColumns(context, client, run);
  const extraction = { context, client, run, columns: run.columns!, signal };

  const staged = await stageSlices(extraction);
  const filled = staged.filter(({ slice }) => slice.staged !== 0);

  // A table may be replaced while rows are read: it is trusted unseen only where none are to be merged.
  const target = filled.length === 0 && seen ? seen.table : await findTargetTable(context.warehouse, targetIdentity(context, run));
  await prepareTarget(extraction, target);
  const delta = filled.length > 0 ? await buildDelta(extraction, filled) : undefined;
  const merged = delta && (await mergeDelta(extraction, delta));

  const receipt = writeReceipt(run.drift, staged, delta, merged);
  await succeedRun(context.database, run, receipt);
  return receipt;
}

/**
 * Settles the columns that the run asks for, and where their values go: once, since all its pages must have the same.
 * @returns the target table as it was seen meanwhile, if it was looked at
 */
async function settleColumns(context: Context, client: SalesforceClient, run: Run): Promise<{ table: FoundTable | undefined } | undefined> {
  if (run.columns) return undefined;
  await requireQuota(context, run.orgId);
  const { fields } = await context.describes.get(client, run.job.connectionId, run.job.objectName);
  const wanted = columnsOf(fields);
  for (const needed of ['Id', run.job.cursorField]) {
    if (wanted.some(({ field }) => field === needed)) continue;
    throw new AppError('salesforce_refused', `The connection's user no longer sees the field ${needed} of ${run.job.objectName}.`);
  }
  const table = await findTargetTable(context.warehouse, targetIdentity(context, run));
  const { columns, drift } = settleDrift(wanted, table?.columns, run.job.cursorField);
  await saveColumns(context.database, run, columns, drift);
  Object.assign(run, { columns, drift });
  return { table };
}

function targetIdentity(context: Context, { job }: Run): TargetIdentity {
  return { name: targetTable(context, job), jobId: job.id, createdAt: job.targetCreatedAt };
}

/** The field that never changes, so that by it a table can be partitioned. */
const PARTITION_FIELD = 'CreatedDate';

async function prepareTarget({ context, run, columns }: Extraction, found: FoundTable | undefined): Promise<void> {
  const { job, drift } = run;
  const target = {
    ...targetIdentity(context, run),
    columns,
    partitionField: job.partitioned ? PARTITION_FIELD : undefined,
    changesColumns: drift.added.length > 0 || drift.retyped.some(({ how }) => how === 'widened'),
    labels: runLabels(run.runId, job),
  };
  const { createdAt, isEmpty } = await ensureTargetTable(context.warehouse, target, found);
  if (!job.targetCreatedAt) await saveTarget(context.database, run, createdAt);
  if (run.insertOnly !== null) return;
  // Only where this very run made the table: an empty one of before may yet get the rows of a MERGE that was given up.
  run.insertOnly = !job.targetCreatedAt && isEmpty;
  await saveInsertOnly(context.database, run, run.insertOnly);
}

interface Delta {
  counts: DeltaCounts;
  /** values whose text did not cast, by column */
  uncast: Record<string, number>;
  firstId: string;
  lastId: string;
  months: string[] | undefined;
  bytesBilled: number;
}

/** Types what was staged, keeps the newest reading of each Id, and counts. @throws AppError count_mismatch */
async function buildDelta(extraction: Extraction, filled: StagedSlice[]): Promise<Delta> {
  const { context, run, columns, signal } = extraction;
  const slices = filled.map(({ slice }) => slice);
  const statement: DeltaStatement = {
    delta: deltaTable(context, run.runId),
    slices: slices.map((slice, order) => ({ order, table: stagingTable(context, run.runId, slice) })),
    columns,
    cursorField: run.job.cursorField,
    partitionField: run.job.partitioned ? PARTITION_FIELD : undefined,
    runId: run.runId,
    expiresAt: stagingExpiry(run.createdAt),
  };
  const labels = runLabels(run.runId, run.job);
  const job = await untilSucceeded(
    run.deltaTry,
    (number) => saveDeltaTry(context.database, run, number),
    (number) => runStatement(context.warehouse, deltaJobId(run.runId, slices, number), deltaStatement(statement), labels, signal),
  );
  const [row] = await query<Record<string, number | string | null>>(context.warehouse, countStatement(statement), labels);
  const delta = readDelta(row ?? {}, columns, job);
  const verdict = judgeDelta(delta.counts);
  if (!verdict.ok) throw new AppError('count_mismatch', `The counts do not agree: ${verdict.reason}.`);
  await keepBadValues(extraction, statement, delta.uncast);
  return delta;
}

const BAD_COLUMNS_AT_ONCE = 25;

/** Keeps the texts that did not cast, for somebody to look at: their columns are NULL. */
async function keepBadValues({ context, run, columns }: Extraction, statement: DeltaStatement, uncast: Delta['uncast']): Promise<void> {
  const bad = columns.filter((column) => column.name in uncast);
  if (bad.length === 0) return;
  const table = badValuesTable(context, run.job);
  await ensureBadValuesTable(context.warehouse, table);
  // A few columns at a time: a statement may have 1 MB, and names each column once a slice.
  for (let first = 0; first < bad.length; first += BAD_COLUMNS_AT_ONCE) {
    const sql = badValuesStatement(table, run.job.objectName, statement, bad.slice(first, first + BAD_COLUMNS_AT_ONCE));
    await query(context.warehouse, sql, runLabels(run.runId, run.job));
  }
}

function readDelta(row: Record<string, number | string | null>, columns: readonly Column[], { bytesBilled }: FinishedJob): Delta {
  const count = (name: string): number => Number(row[name] ?? Number.NaN);
  const uncast = columns.map(({ name }, index) => [name, Number(row[`uncast_${index}`] ?? 0)] as const).filter(([, values]) => values > 0);
  return {
    counts: { stagedIds: count('staged_ids'), deltaRows: count('delta_rows'), unusable: count('unusable') },
    uncast: Object.fromEntries(uncast),
    firstId: String(row.first_id),
    lastId: String(row.last_id),
    months: row.months === undefined ? undefined : String(row.months).split(','),
    bytesBilled,
  };
}

async function mergeDelta({ context, run, columns, signal }: Extraction, { firstId, lastId, months }: Delta): Promise<FinishedJob> {
  const sql = mergeStatement({
    target: targetTable(context, run.job),
    delta: deltaTable(context, run.runId),
    columns,
    cursorField: run.job.cursorField,
    insertOnly: run.insertOnly === true,
    deletes: run.job.deletes,
    firstId,
    lastId,
    months,
    partitionField: PARTITION_FIELD,
  });
  await closeAbandoned(context, run, signal);
  return await untilSucceeded(
    run.mergeTry,
    (number) => saveMergeTry(context.database, run, number),
    (number) => runStatement(context.warehouse, mergeJobId(run.runId, number), sql, runLabels(run.runId, run.job), signal),
  );
}

function writeReceipt(drift: Drift, staged: StagedSlice[], delta: Delta | undefined, merged: FinishedJob | undefined): Receipt {
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
    distinct_ids: delta?.counts.stagedIds ?? 0,
    delta_rows: delta?.counts.deltaRows ?? 0,
    inserted: merged?.inserted ?? 0,
    updated: merged?.updated ?? 0,
    deleted: merged?.deleted ?? 0,
    uncast: delta?.uncast ?? {},
    columns_added: drift.added,
    columns_unasked: drift.unasked,
    fields_retyped: drift.retyped,
    pages: pages.length,
    bytes: sum(pages.map((page) => page.bytes)),
    bytes_billed: (delta?.bytesBilled ?? 0) + (merged?.bytesBilled ?? 0),
    methods: slices.map((slice) => `${slice.method}: ${slice.reason}`),
    verdict: weakestVerdict(staged.map((slice) => slice.verdict)),
  };
}
