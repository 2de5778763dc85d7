import type { Column } from '../../core/fields/columns.ts';
import { canWiden, type ExistingColumn } from '../../core/fields/drift.ts';
import { AppError } from '../../errors.ts';
import { query } from '../jobs.ts';
import type { Table, TableField } from '../resources.ts';
import type { TableName } from '../sql/quote.ts';
import { liveQuery, SYSTEM_COLUMNS, widenStatement } from '../sql/table-statements.ts';
import type { Warehouse } from '../warehouse.ts';
import { addColumns, type Descriptions, toFields } from './add-columns.ts';
import { ensureExpirations, NEVER_EXPIRES } from './expirations.ts';
import { createTable, formatTableName, getTable, patchTable } from './table.ts';
import { ensureView, type View } from './view.ts';

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
  descriptions: Required<Descriptions>;
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
 * Creates a job's target table and live view, or adds new columns, widens existing ones, and describes both as given. Drops nothing and lets no row expire.
 * @param seen the table as returned by `findTargetTable`
 * @throws AppError target_replaced if the table is not the one that this job created; bigquery_refused if it keeps an expiration
 */
export async function ensureTargetTable(warehouse: Warehouse, target: TargetTable, seen: FoundTable | undefined): Promise<ReadyTarget> {
  const columns = [...target.columns, ...SYSTEM_COLUMNS];
  let found = seen;
  if (!found) {
    await createTable(warehouse, target.name, {
      schema: { fields: toFields(columns, target.descriptions) },
      clustering: { fields: ['Id'] },
      // Not enforced. For the query optimizer, and tools that draw a diagram of the tables.
      tableConstraints: { primaryKey: { columns: ['Id'] } },
      ...(target.partitionField && { timePartitioning: { type: 'MONTH', field: target.partitionField } }),
      labels: target.rebuilding ? { [REBUILD_LABEL]: target.jobId } : { job: target.jobId },
      description: target.descriptions.table,
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
    foreignLiveView: await ensureView(
      warehouse,
      liveView(target, changed ? await getTable(warehouse, target.name) : found.metadata),
      changed || target.changesColumns || seen === undefined,
    ),
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
  { name, labels, descriptions }: Pick<TargetTable, 'name' | 'labels'> & { descriptions: Descriptions },
  found: Table,
  columns: readonly Column[],
): Promise<boolean> {
  const existing = found.schema?.fields ?? [];
  const wanted = new Map(columns.map((column) => [column.name.toLowerCase(), column]));
  const widened = existing.flatMap((field) => toWiden(name, field, wanted.get(field.name?.toLowerCase() ?? '')));
  const changed = await addColumns(warehouse, name, found, columns, descriptions);
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

/** @param table as it is now */
function liveView({ name, jobId, descriptions }: TargetTable, table: Table | undefined): View {
  const what = `The rows of ${name.table} that are not deleted in Salesforce.`;
  return {
    name: { ...name, table: `${name.table}_live` },
    query: liveQuery(name),
    description: `${what} ${descriptions.table}`,
    ours: what,
    jobId,
    fields: table?.schema?.fields ?? [],
  };
}

/** The API returns legacy SQL type names. */
export function typeOf({ type = '', mode }: TableField): string {
  const standard = { INTEGER: 'INT64', FLOAT: 'FLOAT64', BOOLEAN: 'BOOL' }[type] ?? type;
  return mode === 'REPEATED' ? `ARRAY<${standard}>` : standard;
}
