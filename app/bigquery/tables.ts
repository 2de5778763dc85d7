import type { Column } from '../core/columns.ts';
import { type ExistingColumn, isWidened } from '../core/drift.ts';
import { AppError } from '../errors.ts';
import { type Expirations, NEVER, settleExpirations } from './expirations.ts';
import { query } from './jobs.ts';
import type { Table, TableField } from './resources.ts';
import { INVALID_VALUES_COLUMNS, liveQuery, OWN_COLUMNS, type TableName, widenStatement } from './sql.ts';
import { createTable, display, getTable, patchTable } from './table.ts';
import type { Warehouse } from './warehouse.ts';

const INVALID_VALUES_EXPIRE: Expirations = { time: null, partitionsMs: 30 * 24 * 60 * 60 * 1000 };

const INVALID_VALUES_DESCRIPTION =
  'Texts from Salesforce that their column could not hold: it is NULL instead, or a rounded number. Kept for 30 days.';

/** What tells whether a table is the one that its job made. */
export interface TargetIdentity {
  name: TableName;
  /** the job whose table this is; kept as a label */
  jobId: string;
  /** when this job made the table; null where it has not yet */
  createdAt: Date | null;
}

export interface TargetTable extends TargetIdentity {
  columns: readonly Column[];
  /** by whose month the table is partitioned; undefined: it is not */
  partitionField: string | undefined;
  /** this run, an earlier attempt of it included, is one that changes the table's columns */
  changesColumns: boolean;
  /** of the run: for the statements that widen columns */
  labels: Record<string, string>;
}

/** A table as it stood when it was looked at. */
export interface FoundTable {
  columns: ExistingColumn[];
  metadata: Table;
}

/** A target table that is ready for a MERGE. */
export interface ReadyTarget {
  /** another table in its place has another time */
  createdAt: Date;
  isEmpty: boolean;
  /** it had an expiration, which was removed: rows may have expired before */
  hadExpiration: boolean;
  /** why the view of live rows is none of ours; null where it is */
  foreignLiveView: string | null;
}

/** Makes an all-STRING staging table, unless it is there already. @throws AppError */
export async function ensureStagingTable(
  warehouse: Warehouse,
  name: TableName,
  columns: readonly string[],
  expiresAt: Date,
  labels: Record<string, string>,
): Promise<void> {
  const created = await createTable(warehouse, name, {
    schema: { fields: columns.map((column) => ({ name: column, type: 'STRING', mode: 'NULLABLE' })) },
    expirationTime: String(expiresAt.getTime()),
    labels,
  });
  if (created) await settleExpirations(warehouse, name, created, { time: expiresAt, partitionsMs: null });
}

/** Makes a dataset's table of values that did not cast, unless it is there. Its rows go after 30 days. @throws AppError */
export async function ensureInvalidValuesTable(warehouse: Warehouse, name: TableName): Promise<void> {
  const fields = INVALID_VALUES_COLUMNS.map((column) => ({ ...column, mode: 'NULLABLE' }));
  const timePartitioning = { type: 'DAY', field: 'seen_at', expirationMs: String(INVALID_VALUES_EXPIRE.partitionsMs) };
  const metadata = { schema: { fields }, timePartitioning, description: INVALID_VALUES_DESCRIPTION };
  const table = (await createTable(warehouse, name, metadata)) ?? (await getTable(warehouse, name));
  if (table) await settleExpirations(warehouse, name, table, INVALID_VALUES_EXPIRE);
}

/** The exact number of rows in a staging table (load jobs use no streaming buffer); undefined where there is no such table. */
export async function stagedRows(warehouse: Warehouse, name: TableName): Promise<number | undefined> {
  const table = await getTable(warehouse, name);
  return table && Number(table.numRows);
}

/** Whether there is a table of this name with rows in it. @throws AppError */
export async function hasRows(warehouse: Warehouse, name: TableName): Promise<boolean> {
  return Number((await getTable(warehouse, name))?.numRows ?? 0) > 0;
}

/**
 * Looks at a job's target table. Undefined where there is none yet.
 * @throws AppError target_replaced when the table is not the one that this job made
 */
export async function findTargetTable(warehouse: Warehouse, target: TargetIdentity): Promise<FoundTable | undefined> {
  const metadata = await getTable(warehouse, target.name);
  if (!metadata && target.createdAt) throw replaced(target, 'is gone');
  if (!metadata) return undefined;
  requireOwn(target, metadata);
  const columns = (metadata.schema?.fields ?? []).map((field) => ({ name: field.name ?? '', type: typeOf(field) }));
  return { columns, metadata };
}

/**
 * Makes a job's target table and its view of live rows, or adds the columns that are new and widens those that are to hold more. Nothing
 * is dropped, and no row expires.
 * @param seen the table as `findTargetTable` found it
 * @throws AppError target_replaced when the table is not the one that this job made; bigquery_refused where it keeps an expiration
 */
export async function ensureTargetTable(warehouse: Warehouse, target: TargetTable, seen: FoundTable | undefined): Promise<ReadyTarget> {
  const columns = [...target.columns, ...OWN_COLUMNS];
  let found = seen;
  if (!found) {
    await createTable(warehouse, target.name, {
      schema: { fields: columns.map(toField) },
      clustering: { fields: ['Id'] },
      ...(target.partitionField && { timePartitioning: { type: 'MONTH', field: target.partitionField } }),
      labels: { job: target.jobId },
      description: 'Salesforce records, kept current by salesforce-bigquery-sync.',
    });
    found = await findTargetTable(warehouse, target);
  }
  if (!found) throw new AppError('bigquery_unavailable', `The table ${display(target.name)} was made and cannot be seen yet.`);
  const hadExpiration = await settleExpirations(warehouse, target.name, found.metadata, NEVER);
  const changed = await updateColumns(warehouse, target, found.metadata, columns);
  return {
    createdAt: new Date(Number(found.metadata.creationTime)),
    isEmpty: found.metadata.numRows === '0',
    hadExpiration: hadExpiration && seen !== undefined,
    foreignLiveView: await ensureLiveView(warehouse, target, changed || target.changesColumns),
  };
}

/**
 * A target table must be the one that its job made: into any other, a window would be missing what came before it. It is known by its
 * label, which a table that was dropped and made anew does not have, and which an operator gives to one that was restored.
 */
function requireOwn(target: TargetIdentity, found: Table): void {
  if (found.labels?.job !== target.jobId) throw replaced(target, 'does not have the label that this job gave it');
}

function replaced({ name, jobId, createdAt }: TargetIdentity, what: string): AppError {
  const way = createdAt
    ? `restore it with all that it had, give it the label job:${jobId}, and tick again`
    : 'it is not written into: move it away, and tick again';
  return new AppError('target_replaced', `The table ${display(name)} ${what}: ${way}.`);
}

/** Adds, widens and describes columns where there is need. @returns whether any was added or widened */
async function updateColumns(
  warehouse: Warehouse,
  { name, labels }: TargetTable,
  found: Table,
  columns: readonly Column[],
): Promise<boolean> {
  const existing = found.schema?.fields ?? [];
  const wanted = new Map(columns.map((column) => [column.name.toLowerCase(), column]));
  const widened = existing.flatMap((field) => toWiden(name, field, wanted.get(field.name?.toLowerCase() ?? '')));

  const described = existing.map((field) => ({
    ...field,
    description: wanted.get(field.name!.toLowerCase())?.description ?? field.description,
  }));
  const known = new Set(existing.map((field) => field.name?.toLowerCase()));
  const added = columns.filter((column) => !known.has(column.name.toLowerCase())).map(toField);
  const changed = added.length > 0 || described.some((field, index) => field.description !== existing[index]?.description);
  if (changed) await patchTable(warehouse, name, { schema: { fields: [...described, ...added] } });
  // After the patch, which tells the types as they were found.
  for (const column of widened) await query(warehouse, widenStatement(name, column), labels);
  return added.length + widened.length > 0;
}

/** The column where it is to be widened; none where it is right as it is. @throws AppError where somebody gave it another type meanwhile */
function toWiden(name: TableName, field: TableField, column: Column | undefined): Column[] {
  const was = typeOf(field);
  if (!column || column.type === was) return [];
  if (isWidened(was, column.type)) return [column];
  throw new AppError(
    'bigquery_refused',
    `The column ${column.name} of ${display(name)} is ${was} now, and was to be ${column.type}: tick again.`,
  );
}

/**
 * Creates the view of live rows. A view's columns are those that its table had when the view was written, so it is written again where
 * they changed. A table or view of this name that is not ours stays as it is.
 * @returns why it is not ours; null where it is
 */
async function ensureLiveView(warehouse: Warehouse, { name: target, jobId }: TargetIdentity, rewrite: boolean): Promise<string | null> {
  const name = { ...target, table: `${target.table}_live` };
  const view = { query: liveQuery(target), useLegacySql: false };
  const labels = { job: jobId };
  const found = await getTable(warehouse, name);
  if (!found) {
    const description = `The rows of ${target.table} that are not deleted in Salesforce.`;
    const created = await createTable(warehouse, name, { view, description, labels });
    if (created) await settleExpirations(warehouse, name, created, NEVER);
    return null;
  }
  // Views of earlier releases have no label.
  const isOurs = found.type === 'VIEW' && (found.labels?.job === jobId || found.view?.query === view.query);
  if (!isOurs) return `not ours: ${display(name)} is another ${found.type === 'VIEW' ? 'view' : 'table'}, and was left as it is`;
  await settleExpirations(warehouse, name, found, NEVER);
  if (rewrite) await patchTable(warehouse, name, { view, labels });
  return null;
}

/** Only an Id is always there: Salesforce's own "not nillable" cannot be trusted. */
function toField({ name, type, description }: Column): TableField {
  return { name, type, mode: name === 'Id' ? 'REQUIRED' : 'NULLABLE', ...(description !== undefined && { description }) };
}

/** The API answers with the names of legacy SQL. */
function typeOf({ type = '', mode }: TableField): string {
  const standard = { INTEGER: 'INT64', FLOAT: 'FLOAT64', BOOLEAN: 'BOOL' }[type] ?? type;
  return mode === 'REPEATED' ? `ARRAY<${standard}>` : standard;
}
