import { setTimeout as sleep } from 'node:timers/promises';
import { hideValues } from '../../bigquery/hide-values.ts';
import {
  clearColumnsStatement,
  clearInvalidValuesStatement,
  eraseRecordStatement,
  eraseRecordValuesStatement,
} from '../../bigquery/sql/erasure-statements.ts';
import type { TableName } from '../../bigquery/sql/quote.ts';
import { timeTravelHours } from '../../bigquery/tables/datasets.ts';
import { findInvalidValuesTable } from '../../bigquery/tables/invalid-values-table.ts';
import { type FoundTable, findTargetTable } from '../../bigquery/tables/tables.ts';
import { findVersions } from '../../bigquery/tables/versions-table.ts';
import type { Context } from '../../context.ts';
import type { ExistingColumn } from '../../core/fields/drift.ts';
import { columnsOfFields } from '../../core/fields/field-columns.ts';
import { recoverableUntil } from '../../core/recoverable.ts';
import type { Erasure } from '../../core/runs/pass.ts';
import { AppError } from '../../errors.ts';
import { readRunsWithTables } from '../../store/jobs/delete-job.ts';
import { readFieldColumns } from '../../store/jobs/field-columns.ts';
import { hasLiveWorker, succeedErasure } from '../../store/runs/erasures.ts';
import { type Run, saveRun } from '../../store/runs/runs.ts';
import { takeTable } from '../../store/runs/table-writes.ts';
import { dropTablesOf } from '../drop-tables.ts';
import type { Ended } from '../ended.ts';
import type { Extraction } from '../extract/extraction.ts';
import { targetIdentity } from '../extract/resolve-fields.ts';
import { fenceOtherWrites } from '../merge/fence-other-writes.ts';
import { invalidValuesTable, liveView, sweepJobId, targetTable, versionsTable, versionsView } from '../names.ts';
import { retryJob } from '../retry-job.ts';
import { runTableWrite } from '../run-table-write.ts';
import { writeReceipt } from '../write-receipt.ts';

/** How long the workers of cancelled runs may still create tables: one lease, and a poll. */
const MAX_WAIT_MS = 90_000;

/** A statement of an erasure, and where the number of its tries is kept. */
interface Step {
  table: TableName;
  sql: string;
  tries: 'mergeTry' | 'deltaTry' | 'compareTry';
}

/**
 * Executes a run that erases values: those of some fields, or those of one record. Removes them from the target table, the table of versions and the
 * invalid values, and drops the staging and delta tables of the job's ended runs. Reads nothing from Salesforce. The job's open runs started after this one
 * was queued, so they write none of these values. Every step may run again.
 * @throws AppError target_replaced, after all else is erased, if the target table is not the job's
 */
export async function eraseRun(context: Context, claimed: Run, pass: Erasure, signal: AbortSignal): Promise<Ended> {
  const run = await takeTable(context.database, claimed);
  const client = context.salesforce(run.job.connectionId, signal);
  const extraction: Extraction = { context, client, run, columns: [], seen: undefined, signal };
  await fenceOtherWrites(context, run);
  const found = await findTables(extraction);
  const { steps, columns } = pass.clear
    ? await planClearing(extraction, pass.clear, found)
    : await planRecord(extraction, pass.erase!, found);
  const erased: [string, number][] = [];
  for (const step of steps) erased.push([step.table.table, await erase(extraction, step)]);
  await dropEndedTables(extraction);
  // Not before the workers of cancelled runs have stopped, which may describe columns.
  if (columns.length > 0) await hideDescribedValues(extraction, columns);
  if (found.foreignTarget) throw found.foreignTarget;

  const nothing = { extraction, staged: [], deltas: [], rereadFrom: null };
  const receipt = {
    ...(await writeReceipt(extraction, nothing, { foreignLiveView: null })),
    rows_erased: Object.fromEntries(erased),
    recoverable_until: (await erasedUntil(context, run)).toISOString(),
  };
  await succeedErasure(context.database, run, pass, receipt, columns);
  return { run, receipt };
}

interface Plan {
  steps: Step[];
  /** the columns that become empty */
  columns: string[];
}

interface FoundTables {
  /** the job's target table and its table of versions, also if the job no longer adds to it, as far as they exist */
  tables: { table: TableName; names: string[]; tries: Step['tries'] }[];
  /** why the target table is not the job's; undefined: it is, or it is missing */
  foreignTarget: AppError | undefined;
}

async function findTables(extraction: Extraction): Promise<FoundTables> {
  const { context, run } = extraction;
  const namesOf = (columns: readonly ExistingColumn[]): string[] => columns.map(({ name }) => name);
  const { target, foreignTarget } = await findTarget(extraction);
  const table = versionsTable(context, run.job);
  const versions = await findVersions(context.warehouse, table, run.job.id);
  const tables = [
    ...(target ? [{ table: targetTable(context, run.job), names: namesOf(target.columns), tries: 'mergeTry' as const }] : []),
    ...(versions ? [{ table, names: namesOf(versions), tries: 'deltaTry' as const }] : []),
  ];
  return { tables, foreignTarget };
}

/** The target table, also if a rebuild has created it and not filled it yet. */
async function findTarget({ context, run }: Extraction): Promise<{ target?: FoundTable | undefined; foreignTarget: AppError | undefined }> {
  const identity = targetIdentity(context, run);
  try {
    return { target: await findTargetTable(context.warehouse, { ...identity, rebuilding: true }), foreignTarget: undefined };
  } catch (error) {
    if (error instanceof AppError && error.code === 'target_replaced') return { foreignTarget: error };
    throw error;
  }
}

/** Empties all columns of some fields, also those of their earlier types. */
async function planClearing({ context, run }: Extraction, fields: readonly string[], { tables }: FoundTables): Promise<Plan> {
  const { job } = run;
  const recorded = await readFieldColumns(context.database, run);
  const found = tables.map((each) => ({ ...each, columns: columnsOfFields(fields, each.names, recorded) }));
  const columns = [...new Set(found.flatMap((each) => each.columns))];
  const steps = found.flatMap(({ table, tries, columns: emptied }): Step[] =>
    emptied.length > 0 ? [{ table, sql: clearColumnsStatement(table, emptied), tries }] : [],
  );
  const values = invalidValuesTable(context, job);
  if (await findInvalidValuesTable(context.warehouse, values)) {
    const named = [...new Set([...columns, ...fields])];
    steps.push({ table: values, sql: clearInvalidValuesStatement(values, job.objectName, named), tries: 'compareTry' });
  }
  return { steps, columns };
}

/** Deletes all rows of one record. */
async function planRecord({ context, run }: Extraction, hash: string, { tables }: FoundTables): Promise<Plan> {
  const { job } = run;
  const record = { jobId: job.id, hash };
  const steps = tables.map(({ table, tries }): Step => ({ table, sql: eraseRecordStatement(table, record), tries }));
  const values = invalidValuesTable(context, job);
  if (await findInvalidValuesTable(context.warehouse, values)) {
    steps.push({ table: values, sql: eraseRecordValuesStatement(values, job.objectName, record), tries: 'compareTry' });
  }
  return { steps, columns: [] };
}

/** @returns how many rows it changed */
async function erase(extraction: Extraction, { table, sql, tries }: Step): Promise<number> {
  const { context, run } = extraction;
  const { job } = await retryJob(
    extraction,
    run[tries],
    (tryNumber) => saveRun(context.database, run, { [tries]: tryNumber }),
    async (number) => await runTableWrite(extraction, sweepJobId(run.runId, `erase_${table.table}`, number), sql),
  );
  return job.updated + job.deleted;
}

/** Removes the values of picklists from the descriptions of columns, which analysts would see until the next window with rows. */
async function hideDescribedValues({ context, run: { job } }: Extraction, columns: readonly string[]): Promise<void> {
  for (const name of [targetTable(context, job), liveView(context, job), versionsTable(context, job), versionsView(context, job)])
    await hideValues(context.warehouse, name, job.id, columns);
}

/**
 * Drops the staging and delta tables of the job's ended runs. Waits for those in use, and for the workers of cancelled runs to notice that.
 * @throws AppError bigquery_unavailable if some remain
 */
async function dropEndedTables({ context, run, signal }: Extraction): Promise<void> {
  const until = Date.now() + MAX_WAIT_MS;
  for (;;) {
    const mayCreate = await hasLiveWorker(context.database, run.job.id);
    for (const ended of await readRunsWithTables(context.database, run.job)) await dropTablesOf(context, ended, signal);
    if (!mayCreate && (await readRunsWithTables(context.database, run.job)).length === 0) return;
    if (Date.now() > until) break;
    await sleep(context.limits.workerPollMs, undefined, { signal });
  }
  throw new AppError(
    'bigquery_unavailable',
    `Tables of earlier runs of ${run.job.objectName} are still in use. They are dropped when this run is retried.`,
  );
}

/** Until when BigQuery keeps what is erased by now. */
async function erasedUntil({ warehouse, config }: Context, { job }: Run): Promise<Date> {
  const hours = await Promise.all([job.targetDataset, config.bigquery.stagingDataset].map((name) => timeTravelHours(warehouse, name)));
  return recoverableUntil(new Date(), hours);
}
