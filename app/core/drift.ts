import { AppError } from '../errors.ts';
import type { ColumnType, FieldColumn } from './columns.ts';

/** A column that a table has. */
export interface ExistingColumn {
  name: string;
  /** one of ours, or whatever somebody else gave it */
  type: string;
}

/** A field whose type is not the one that the column of its name has, or had. */
export interface RetypedField {
  field: string;
  /** what its values are now */
  type: ColumnType;
  /** where they go */
  column: string;
  column_type: ColumnType;
  /** kept: the column of its name holds them as it is; widened: it was made to; new_column: it cannot, and stays as it is */
  how: 'kept' | 'widened' | 'new_column';
}

/** How the fields that a run asks for differ from the columns of its target table. Goes on the receipt. */
export interface Drift {
  /** columns that come */
  added: string[];
  /** columns that nothing fills any more: their fields are hidden or deleted, or their values go elsewhere */
  orphaned: string[];
  retyped: RetypedField[];
  /** fields that are not read, each with the reason: a type without a column, or Salesforce's code of a refusal */
  skipped: string[];
}

export const NO_DRIFT: Drift = { added: [], orphaned: [], retyped: [], skipped: [] };

/**
 * The other types whose columns hold every value of a type. A FLOAT64 holds the rest of numbers too: they travel as IEEE doubles, and only
 * Salesforce's own fields, which keep their type, have 64-bit integers.
 */
const HELD_BY: Record<ColumnType, readonly ColumnType[]> = {
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

/** What BigQuery makes of a column in place without a loss. To FLOAT64 it would, too, but then digits are gone for good. */
const WIDENS_TO: Record<string, readonly ColumnType[]> = { INT64: ['NUMERIC', 'BIGNUMERIC'], NUMERIC: ['BIGNUMERIC'] };

/** Whether a column of one type can be made one of the other in place, with all that it holds. */
export function isWidened(from: string, to: ColumnType): boolean {
  return WIDENS_TO[from]?.includes(to) ?? false;
}

/**
 * Finds each field its column in a table: the one of its name where that holds the field's values or can be widened to, else one named by
 * field and type, such as `Amount__c_string`. Nothing is dropped, and a type that comes back finds its old column.
 * @param wanted the columns as the describe alone would have them
 * @param existing the table's columns; undefined: there is no table yet
 * @throws AppError bigquery_refused where the rows could no longer be matched, ordered or found
 */
export function settleDrift(
  wanted: readonly FieldColumn[],
  existing: readonly ExistingColumn[] | undefined,
  cursorField: string,
): { columns: FieldColumn[]; drift: Omit<Drift, 'skipped'> } {
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
      // Our own begin with an underscore, as no Salesforce field does.
      orphaned: existing.map(({ name }) => name).filter((name) => !name.startsWith('_') && !filled.has(name.toLowerCase())),
      retyped: columns.flatMap((column, index) => tellRetyped(column, wanted[index]!.type, types)),
    },
  };
}

/**
 * The settled fields of a run without one that it can no longer read.
 * @param hasTable whether the target table was there before the run
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
      added: drift.added.filter((added) => added !== name),
      orphaned: wasThere ? [...drift.orphaned, name] : drift.orphaned,
      retyped: drift.retyped.filter((retyped) => retyped.field !== field),
      skipped: drift.skipped,
    },
  };
}

/** Statements lean on the types of these. */
function isFixed(field: string, cursorField: string): boolean {
  return ['Id', 'IsDeleted', 'CreatedDate', cursorField].includes(field);
}

function requireType(column: FieldColumn, types: ReadonlyMap<string, string>): FieldColumn {
  const type = types.get(column.field.toLowerCase());
  if (type === undefined || type === column.type) return column;
  throw new AppError(
    'bigquery_refused',
    `The field ${column.field} is ${column.type} now, and its column is ${type}, by which rows are matched: rename or drop the column, then tick again.`,
  );
}

function place(column: FieldColumn, name: string, types: ReadonlyMap<string, string>, taken: ReadonlySet<string>): FieldColumn {
  const { type, field } = column;
  const isFree = name === field || !taken.has(name.toLowerCase());
  const found = types.get(name.toLowerCase());
  if (isFree && (found === undefined || found === type || isWidened(found, type))) return { ...column, name };
  const wider = HELD_BY[type].find((candidate) => candidate === found);
  if (isFree && wider) return { ...column, name, type: wider };
  return place(column, `${name}_${type.toLowerCase()}`, types, taken);
}

function tellRetyped({ field, name, type }: FieldColumn, fieldType: ColumnType, types: ReadonlyMap<string, string>): RetypedField[] {
  const was = types.get(name.toLowerCase()) ?? type;
  if (name === field && was === fieldType) return [];
  const how = name !== field ? 'new_column' : was === type ? 'kept' : 'widened';
  return [{ field, type: fieldType, column: name, column_type: type, how }];
}
