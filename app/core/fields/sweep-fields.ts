import type { FieldColumn } from './columns.ts';
import { CREATED_DATE } from './cursor.ts';
import type { Drift } from './drift.ts';
import { PARTITION_FIELD } from './partitioning.ts';

/** The properties of a job that decide by which fields its sweeps match, compare and locate rows. */
interface SweptJob {
  /** null: the object has none, and is never swept */
  readonly cursorField: string | null;
  readonly cursorNillable: boolean;
  readonly partitioned: boolean;
}

/** The fields by which a sweep matches, compares and locates rows. */
export function sweepKeys({ cursorField, cursorNillable, partitioned }: SweptJob): string[] {
  return [
    'Id',
    'IsDeleted',
    ...(cursorField === null ? [] : [cursorField]),
    ...(cursorNillable ? [CREATED_DATE] : []),
    ...(partitioned ? [PARTITION_FIELD] : []),
  ];
}

/**
 * The columns that a sweep reads: its keys, the calculated fields, whose values change without a stamp, and the fields that old rows lack.
 * A sweep changes no columns of the table, so it leaves out the fields whose column must be added or widened: the next window does that.
 * @param columns all columns of the object
 * @param backfill the fields that old rows lack
 */
export function sweepColumns(
  columns: readonly FieldColumn[],
  { added, retyped }: Pick<Drift, 'added' | 'retyped'>,
  keys: readonly string[],
  backfill: readonly string[],
): FieldColumn[] {
  const changing = new Set([...added, ...retyped.flatMap(({ column, how }) => (how === 'widened' ? [column] : []))]);
  return columns.filter(
    ({ field, name, calculated }) => keys.includes(field) || ((calculated || backfill.includes(field)) && !changing.has(name)),
  );
}

/** The columns among a sweep's that it updates where they differ. */
export function refreshedColumns(columns: readonly FieldColumn[], keys: readonly string[]): FieldColumn[] {
  return columns.filter(({ field }) => !keys.includes(field));
}
