import { AppError } from '../../errors.ts';
import type { ColumnType, FieldColumn } from './columns.ts';

/** A column of an existing table. */
export interface ExistingColumn {
  name: string;
  /** one of our types, or any other */
  type: string;
}

/** A field whose type differs from the type that the column of its name has, or had. */
export interface RetypedField {
  field: string;
  /** its current type */
  type: ColumnType;
  /** the column that receives its values */
  column: string;
  column_type: ColumnType;
  /** kept: the column of its name can store them; widened: that column was widened; new_column: a new column stores them */
  how: 'kept' | 'widened' | 'new_column';
}

/** How the fields that a run requests differ from the columns of its target table. Part of the receipt. */
export interface Drift {
  /** new columns */
  added: string[];
  /** columns that nothing fills any more: their fields are hidden or deleted, or another column receives their values */
  orphaned: string[];
  /** those among them that become NULL on the rows that the run updates; see core/fields/field-columns.ts */
  emptied: string[];
  retyped: RetypedField[];
  /** fields that are not read, each with the reason: an unknown type, or the error code with which Salesforce refused it */
  skipped: string[];
  /** new fields that are not read until they are approved; absent in the drift of an earlier release */
  pending?: string[];
}

export const NO_DRIFT: Drift = { added: [], orphaned: [], emptied: [], retyped: [], skipped: [], pending: [] };

/**
 * The other column types that can store every value of a type. FLOAT64 can store all numbers: they travel as IEEE doubles, and only
 * Salesforce's standard fields, which never change type, are 64-bit integers.
 */
const STORABLE_AS: Record<ColumnType, readonly ColumnType[]> = {
  STRING: [],
  BOOL: ['STRING'],
  INT64: ['NUMERIC', 'BIGNUMERIC', 'FLOAT64', 'STRING'],
  FLOAT64: ['STRING'],
  NUMERIC: ['BIGNUMERIC', 'FLOAT64', 'STRING'],
  BIGNUMERIC: ['STRING'],
  DATE: ['STRING'],
  TIMESTAMP: ['STRING'],
  TIME: ['STRING'],
};

/** Lossless changes of a column's type that BigQuery makes in place. It also converts to FLOAT64, but that loses digits. */
const WIDENS_TO: Record<string, readonly ColumnType[]> = { INT64: ['NUMERIC', 'BIGNUMERIC'], NUMERIC: ['BIGNUMERIC'] };

/** Whether a column can be widened from one type to another in place, without loss. */
export function canWiden(from: string, to: ColumnType): boolean {
  return WIDENS_TO[from]?.includes(to) ?? false;
}

/** Whether columns are added to the table or widened. */
export function changesColumns({ added, retyped }: Drift): boolean {
  return added.length > 0 || retyped.some(({ how }) => how === 'widened');
}

/**
 * Assigns each field a column of the table: the column of its name if that can store the field's values or be widened, otherwise one named
 * by field and type, for example `Amount__c_string`. Drops no column, and a field that reverts to an earlier type reuses its old column.
 * @param wanted the columns according to the describe alone
 * @param existing the table's columns; undefined: no table yet
 * @throws AppError bigquery_refused if rows could no longer be matched or ordered
 */
export function resolveDrift(
  wanted: readonly FieldColumn[],
  existing: readonly ExistingColumn[] | undefined,
  cursorField: string | null,
): { columns: FieldColumn[]; drift: Omit<Drift, 'skipped' | 'emptied' | 'pending'> } {
  if (!existing) return { columns: [...wanted], drift: NO_DRIFT };
  const types = new Map(existing.map(({ name, type }) => [name.toLowerCase(), type]));
  const taken = new Set(wanted.map(({ field }) => field.toLowerCase()));
  const columns = wanted.map((column) => {
    const placed = isFixed(column.field, cursorField) ? requireType(column, types) : place(column, column.field, types, taken);
    taken.add(placed.name.toLowerCase());
    return placed;
  });
  const filled = new Set(columns.map(({ name }) => name.toLowerCase()));
  return {
    columns,
    drift: {
      added: columns.map(({ name }) => name).filter((name) => !types.has(name.toLowerCase())),
      // Our own columns start with an underscore; no Salesforce field does.
      orphaned: existing.map(({ name }) => name).filter((name) => !name.startsWith('_') && !filled.has(name.toLowerCase())),
      retyped: columns.flatMap((column, index) => findRetyped(column, wanted[index]!.type, types)),
    },
  };
}

/**
 * Removes a field that a run can no longer read from its settled fields.
 * @param hasTable whether the target table existed before the run
 */
export function dropField(
  { columns, drift }: { columns: readonly FieldColumn[]; drift: Drift },
  { field, name }: FieldColumn,
  hasTable: boolean,
): { columns: FieldColumn[]; drift: Drift } {
  const wasThere = hasTable && !drift.added.includes(name);
  return {
    columns: columns.filter((column) => column.field !== field),
    drift: {
      ...drift,
      added: drift.added.filter((added) => added !== name),
      orphaned: wasThere ? [...drift.orphaned, name] : drift.orphaned,
      retyped: drift.retyped.filter((retyped) => retyped.field !== field),
    },
  };
}

/** Our statements depend on the types of these fields. */
function isFixed(field: string, cursorField: string | null): boolean {
  return ['Id', 'IsDeleted', 'CreatedDate', cursorField].includes(field);
}

function requireType(column: FieldColumn, types: ReadonlyMap<string, string>): FieldColumn {
  const type = types.get(column.field.toLowerCase());
  if (type === undefined || type === column.type) return column;
  throw new AppError(
    'bigquery_refused',
    `Field ${column.field} is now ${column.type}, but its column is ${type} and rows are matched by it. Rename or drop the column, then call handle_importing_job.`,
  );
}

function place(column: FieldColumn, name: string, types: ReadonlyMap<string, string>, taken: ReadonlySet<string>): FieldColumn {
  const { type, field } = column;
  const isFree = name === field || !taken.has(name.toLowerCase());
  const found = types.get(name.toLowerCase());
  if (isFree && (found === undefined || found === type || canWiden(found, type))) return { ...column, name };
  const wider = STORABLE_AS[type].find((candidate) => candidate === found);
  if (isFree && wider) return { ...column, name, type: wider };
  return place(column, `${name}_${type.toLowerCase()}`, types, taken);
}

function findRetyped({ field, name, type }: FieldColumn, fieldType: ColumnType, types: ReadonlyMap<string, string>): RetypedField[] {
  const was = types.get(name.toLowerCase()) ?? type;
  if (name === field && was === fieldType) return [];
  const how = name !== field ? 'new_column' : was === type ? 'kept' : 'widened';
  return [{ field, type: fieldType, column: name, column_type: type, how }];
}
