import type { Column } from '../../core/fields/columns.ts';
import type { ExistingColumn } from '../../core/fields/drift.ts';
import { AppError } from '../../errors.ts';
import type { Table } from '../resources.ts';
import type { TableName } from '../sql/quote.ts';
import { SYSTEM_COLUMNS } from '../sql/table-statements.ts';
import { VALID_FROM, VALID_TO, validVersionsQuery } from '../sql/versions-statements.ts';
import type { Warehouse } from '../warehouse.ts';
import { toFields } from './add-columns.ts';
import { ensureExpirations, NEVER_EXPIRES } from './expirations.ts';
import { createTable, formatTableName, getTable } from './table.ts';
import { typeOf, updateColumns } from './tables.ts';
import { ensureView } from './view.ts';

/** A job's table of versions, and what it should be. */
export interface VersionsTable {
  name: TableName;
  view: TableName;
  /** the job that owns the table; stored as a label */
  jobId: string;
  target: TableName;
  /** whether the job has had the table before, so that it must not be created again without its rows */
  wasThere: boolean;
  /** the columns that the run fills */
  columns: readonly Column[];
  /** of its columns, by name in lower case */
  descriptions: ReadonlyMap<string, string>;
  /** this run, or an earlier attempt of it, changes the columns */
  changesColumns: boolean;
  /** labels of the run, for the statements that widen columns */
  labels: Record<string, string>;
}

/** A table of versions that is ready. */
export interface ReadyVersions {
  columns: ExistingColumn[];
  /** why the view is not ours; null if it is ours */
  foreignView: string | null;
}

/**
 * Creates a job's table of versions, with the target table's columns, and its view; or adds new columns and widens existing ones. Drops nothing
 * and lets no row expire.
 * @throws AppError target_replaced if it is missing, or is another table
 */
export async function ensureVersionsTable(warehouse: Warehouse, versions: VersionsTable): Promise<ReadyVersions> {
  const { name, jobId, wasThere } = versions;
  const seen = await getTable(warehouse, name);
  if (!seen && wasThere) throw missingError(versions);
  const found = seen ?? (await createVersions(warehouse, versions));
  if (!isVersionsTable(found, jobId)) throw notOursError(versions);
  await ensureExpirations(warehouse, name, found, NEVER_EXPIRES);
  const columns = [...versions.columns, ...SYSTEM_COLUMNS, VALID_FROM];
  const changed = await updateColumns(warehouse, { ...versions, descriptions: { columns: versions.descriptions } }, found, columns);
  const current = changed ? await getTable(warehouse, name) : found;
  const description = `The versions of ${versions.target.table}'s records, each with the time at which the next one begins.`;
  const view = {
    name: versions.view,
    query: validVersionsQuery(name),
    description,
    ours: description,
    jobId,
    fields: (current ?? found).schema?.fields ?? [],
    adds: [VALID_TO],
  };
  const foreignView = await ensureView(warehouse, view, changed || versions.changesColumns || seen === undefined);
  return { columns: columnsOf(current ?? found), foreignView };
}

/** A table of versions as it is; undefined: there is none, or it is another table. @throws AppError */
export async function findVersions(warehouse: Warehouse, name: TableName, jobId: string): Promise<ExistingColumn[] | undefined> {
  const found = await getTable(warehouse, name);
  return found && isVersionsTable(found, jobId) ? columnsOf(found) : undefined;
}

async function createVersions(warehouse: Warehouse, { name, jobId, target }: VersionsTable): Promise<Table> {
  const fields = (await getTable(warehouse, target))?.schema?.fields ?? [];
  await createTable(warehouse, name, {
    // With the policy tags that the target table's columns have.
    schema: { fields: [...fields.filter((field) => field.name?.toLowerCase() !== VALID_FROM.name), ...toFields([VALID_FROM])] },
    clustering: { fields: ['Id'] },
    timePartitioning: { type: 'MONTH', field: VALID_FROM.name },
    labels: { job: jobId },
    description: `The versions of ${target.table}'s records, one per record and stamp, kept by salesforce-bigquery-sync.`,
  });
  const created = await getTable(warehouse, name);
  if (created) return created;
  throw new AppError('bigquery_unavailable', `The table ${formatTableName(name)} was created but is not visible yet.`);
}

/** By its label, which another table does not have, and by its partitioning, which a copy of the target table does not have. */
function isVersionsTable({ labels, timePartitioning }: Table, jobId: string): boolean {
  return labels?.job === jobId && timePartitioning?.field === VALID_FROM.name;
}

function columnsOf({ schema }: Table): ExistingColumn[] {
  return (schema?.fields ?? []).map((field) => ({ name: field.name ?? '', type: typeOf(field) }));
}

function missingError({ name, jobId }: VersionsTable): AppError {
  return new AppError(
    'target_replaced',
    `The table ${formatTableName(name)} is missing. Restore it completely and set the label job:${jobId} on it; or ${startAgain(jobId)}. Then call handle_importing_job.`,
  );
}

function notOursError({ name, jobId, wasThere }: VersionsTable): AppError {
  const again = wasThere ? `, and ${startAgain(jobId)}` : '';
  return new AppError(
    'target_replaced',
    `The table ${formatTableName(name)} is not the table of versions of this job. Rename or move it${again}. Then call handle_importing_job.`,
  );
}

const startAgain = (jobId: string): string =>
  `start another table: call PATCH /v1/jobs/${jobId} with history=false, then with history=true`;
