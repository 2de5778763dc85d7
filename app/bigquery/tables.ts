import type { Column } from '../core/columns.ts';
import { canWiden, type ExistingColumn } from '../core/drift.ts';
import { AppError } from '../errors.ts';
import { addColumns, toField } from './add-columns.ts';
import { ensureExpirations, NEVER_EXPIRES } from './expirations.ts';
import { query } from './jobs.ts';
import type { Table, TableField } from './resources.ts';
import type { TableName } from './sql/quote.ts';
import { liveQuery, SYSTEM_COLUMNS, widenStatement } from './sql/table-statements.ts';
import { createTable, formatTableName, getTable, patchTable } from './table.ts';
import type { Warehouse } from './warehouse.ts';

/** The label of a table that a rebuild created and has not filled yet, with the job's id. */
const REBUILD_LABEL = 'rebuild_of';

/** Identifies the table that a job created. */
export interface TargetIdentity {
  name: TableName;
  /** the job that owns the table; stored as a label */
  jobId: string;
  /** when this job created the table; null: not yet */
  createdAt: Date | null;
  /** whether the run rebuilds the table: it then may create a missing one again */
  rebuilding: boolean;
}

export interface TargetTable extends TargetIdentity {
  columns: readonly Column[];
  /** the table is partitioned by the month of this field; undefined: not partitioned */
  partitionField: string | undefined;
  /** this run, or an earlier attempt of it, changes the table's columns */
  changesColumns: boolean;
  /** labels of the run, for the statements that widen columns */
  labels: Record<string, string>;
}

/** A table at the time it was read. */
export interface FoundTable {
  columns: ExistingColumn[];
  metadata: Table;
}

/** A target table that is ready for a MERGE. */
export interface ReadyTarget {
  /** distinguishes the table from a replacement */
  createdAt: Date;
  isEmpty: boolean;
  /** an expiration was removed, so rows may already have expired */
  hadExpiration: boolean;
  /** why the live view is not ours; null if it is ours */
  foreignLiveView: string | null;
}

/** Creates an all-STRING staging table if it does not exist. @throws AppError */
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
  if (created) await ensureExpirations(warehouse, name, created, { time: expiresAt, partitionsMs: null });
}

/** The exact row count of a staging table (load jobs use no streaming buffer); undefined if it does not exist. */
export async function countStagedRows(warehouse: Warehouse, name: TableName): Promise<number | undefined> {
  const table = await getTable(warehouse, name);
  return table && Number(table.numRows);
}

/**
 * Gets a job's target table; undefined if it does not exist yet.
 * @throws AppError target_replaced if the table is not the one that this job created
 */
export async function findTargetTable(warehouse: Warehouse, target: TargetIdentity): Promise<FoundTable | undefined> {
  const metadata = await getTable(warehouse, target.name);
  if (!metadata && target.createdAt && !target.rebuilding) throw targetReplacedError(target, undefined);
  if (!metadata) return undefined;
  requireOwnTable(target, metadata);
  const columns = (metadata.schema?.fields ?? []).map((field) => ({ name: field.name ?? '', type: typeOf(field) }));
  return { columns, metadata };
}

/**
 * Creates a job's target table and live view, or adds new columns and widens existing ones. Drops nothing and lets no row expire.
 * @param seen the table as returned by `findTargetTable`
 * @throws AppError target_replaced if the table is not the one that this job created; bigquery_refused if it keeps an expiration
 */
export async function ensureTargetTable(warehouse: Warehouse, target: TargetTable, seen: FoundTable | undefined): Promise<ReadyTarget> {
  const columns = [...target.columns, ...SYSTEM_COLUMNS];
  let found = seen;
  if (!found) {
    await createTable(warehouse, target.name, {
      schema: { fields: columns.map(toField) },
      clustering: { fields: ['Id'] },
      // Not enforced. For the query optimizer, and tools that draw a diagram of the tables.
      tableConstraints: { primaryKey: { columns: ['Id'] } },
      ...(target.partitionField && { timePartitioning: { type: 'MONTH', field: target.partitionField } }),
      labels: target.rebuilding ? { [REBUILD_LABEL]: target.jobId } : { job: target.jobId },
      description: 'Salesforce records, kept current by salesforce-bigquery-sync.',
    });
    found = await findTargetTable(warehouse, target);
  }
  if (!found) throw new AppError('bigquery_unavailable', `The table ${formatTableName(target.name)} was created but is not visible yet.`);
  const hadExpiration = await ensureExpirations(warehouse, target.name, found.metadata, NEVER_EXPIRES);
  const changed = await updateColumns(warehouse, target, found.metadata, columns);
  return {
    createdAt: new Date(Number(found.metadata.creationTime)),
    isEmpty: found.metadata.numRows === '0',
    hadExpiration: hadExpiration && seen !== undefined,
    foreignLiveView: await ensureView(warehouse, liveView(target), changed || target.changesColumns || seen === undefined),
  };
}

/**
 * A target table must be the one that its job created: any other lacks the rows of earlier windows. We identify it by its label, which a
 * recreated table does not have; an operator sets it on a restored table.
 */
function requireOwnTable(target: TargetIdentity, found: Table): void {
  const isOwn = found.labels?.job === target.jobId || (target.rebuilding && found.labels?.[REBUILD_LABEL] === target.jobId);
  if (!isOwn) throw targetReplacedError(target, found);
}

function targetReplacedError({ name, jobId, createdAt, rebuilding }: TargetIdentity, found: Table | undefined): AppError {
  const what = found ? 'does not have the label of this job' : 'is missing';
  return new AppError('target_replaced', `The table ${formatTableName(name)} ${what}. ${wayOut()}`);

  function wayOut(): string {
    const rename = 'The service does not write into it: rename or move it, then call';
    if (!createdAt) return `${rename} handle_importing_job.`;
    const rebuild = `POST /v1/jobs/${jobId}/rebuild`;
    if (rebuilding) return `${rename} ${rebuild} again.`;
    const importAgain = found ? `${rename} ${rebuild}.` : `To import it again, call ${rebuild}.`;
    return `${importAgain} Or restore it completely, set the label job:${jobId} on it, then call handle_importing_job.`;
  }
}

/**
 * Marks a table that a rebuild has filled as the job's. Until then, no window writes into it, because it may lack rows.
 * @throws AppError
 */
export async function adoptRebuiltTable(warehouse: Warehouse, { name, jobId }: TargetIdentity, { labels }: Table): Promise<void> {
  if (labels?.job !== jobId) await patchTable(warehouse, name, { labels: { job: jobId, [REBUILD_LABEL]: null } });
}

/** Adds, widens and describes columns as needed. @returns whether any changed */
export async function updateColumns(
  warehouse: Warehouse,
  { name, labels }: Pick<TargetTable, 'name' | 'labels'>,
  found: Table,
  columns: readonly Column[],
): Promise<boolean> {
  const existing = found.schema?.fields ?? [];
  const wanted = new Map(columns.map((column) => [column.name.toLowerCase(), column]));
  const widened = existing.flatMap((field) => toWiden(name, field, wanted.get(field.name?.toLowerCase() ?? '')));
  const changed = await addColumns(warehouse, name, found, columns);
  // After the patch, which still contains the old types.
  for (const column of widened) await query(warehouse, widenStatement(name, column), labels);
  return changed || widened.length > 0;
}

/** The column if it must be widened; empty otherwise. @throws AppError if its type was changed in the meantime */
function toWiden(name: TableName, field: TableField, column: Column | undefined): Column[] {
  const was = typeOf(field);
  if (!column || column.type === was) return [];
  if (canWiden(was, column.type)) return [column];
  throw new AppError(
    'bigquery_refused',
    `The column ${column.name} of ${formatTableName(name)} has type ${was} instead of ${column.type}. Call handle_importing_job again.`,
  );
}

/** A view of one of a job's tables. */
export interface View {
  name: TableName;
  table: TableName;
  query: string;
  description: string;
  jobId: string;
  /** the columns that it has beside the table's */
  adds: readonly Column[];
}

const liveView = ({ name, jobId }: TargetIdentity): View => ({
  name: { ...name, table: `${name.table}_live` },
  table: name,
  query: liveQuery(name),
  description: `The rows of ${name.table} that are not deleted in Salesforce.`,
  jobId,
  adds: [],
});

/**
 * Creates a view. A view keeps the columns that its table had when it was written, so it is rewritten when they change. Leaves
 * another table or view with this name unchanged.
 * @returns why the view is not ours; null if it is ours
 */
export async function ensureView(warehouse: Warehouse, { name, jobId, ...wanted }: View, rewrite: boolean): Promise<string | null> {
  const view = { query: wanted.query, useLegacySql: false };
  const labels = { job: jobId };
  const found = await getTable(warehouse, name);
  if (!found) {
    const created = await createTable(warehouse, name, { view, description: wanted.description, labels });
    if (created) await ensureExpirations(warehouse, name, created, NEVER_EXPIRES);
    if (created) await describeView(warehouse, name, wanted);
    return null;
  }
  const isOurs = found.type === 'VIEW' && found.labels?.job === jobId;
  if (!isOurs) return `not ours: ${formatTableName(name)} is another ${found.type === 'VIEW' ? 'view' : 'table'}; it was left unchanged`;
  await ensureExpirations(warehouse, name, found, NEVER_EXPIRES);
  if (rewrite) {
    await patchTable(warehouse, name, { view, labels });
    await describeView(warehouse, name, wanted);
  }
  return null;
}

/** Describes the view's columns as the table's: a view that is written loses its descriptions. */
async function describeView(warehouse: Warehouse, view: TableName, { table, adds }: Pick<View, 'table' | 'adds'>): Promise<void> {
  const found = await getTable(warehouse, table);
  const fields = [...(found?.schema?.fields ?? []), ...adds.map(toField)].map(({ name, type, mode, description, fields: nested }) => ({
    name,
    type,
    // A view requires no column.
    mode: mode === 'REPEATED' ? mode : 'NULLABLE',
    description,
    fields: nested,
  }));
  await patchTable(warehouse, view, { schema: { fields } });
}

/** The API returns legacy SQL type names. */
export function typeOf({ type = '', mode }: TableField): string {
  const standard = { INTEGER: 'INT64', FLOAT: 'FLOAT64', BOOLEAN: 'BOOL' }[type] ?? type;
  return mode === 'REPEATED' ? `ARRAY<${standard}>` : standard;
}
