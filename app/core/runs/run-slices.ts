import type { FieldColumn } from '../fields/columns.ts';
import { fieldsInGroup, groupsOf } from '../fields/field-groups.ts';
import { sum } from '../sum.ts';

/** BigQuery limits a statement to 1 MB. */
export const MAX_STATEMENT_BYTES = 1_000_000;

/** Bytes of a staging table's name (project and dataset names may be long) and the SQL around it. */
const TABLE_BYTES = 400;

/** Bytes of the parts of a delta statement that occur once. */
const FIXED_BYTES = 5_000;

/**
 * How many of these slices, in reading order, fit into one run: up to `maxSlices` per field group, and no more than the delta statement
 * can contain, because it names every column of every staging table. At least one.
 */
export function countFittingSlices(
  slices: readonly { fieldGroup: number }[],
  columns: readonly FieldColumn[],
  cursorField: string | null,
  maxSlices: number,
): number {
  const perSlice = new Map(groupsOf(columns).map((group) => [group, sliceBytes(fieldsInGroup(columns, group, cursorField))]));
  const taken = new Map<number, number>();
  let bytes = FIXED_BYTES + sum(columns.map(columnBytes));
  for (const [index, { fieldGroup }] of slices.entries()) {
    bytes += perSlice.get(fieldGroup) ?? 0;
    taken.set(fieldGroup, (taken.get(fieldGroup) ?? 0) + 1);
    if (index > 0 && (bytes > MAX_STATEMENT_BYTES || taken.get(fieldGroup)! > maxSlices)) return index;
  }
  return slices.length;
}

function sliceBytes(fields: readonly string[]): number {
  return TABLE_BYTES + sum(fields.map((field) => field.length + 4));
}

/** An upper bound for the SQL that casts a column and detects its invalid values. */
function columnBytes({ field, name, type, hashed }: FieldColumn): number {
  const [names, words] = hashed ? [5, 250] : type === 'STRING' ? [3, 80] : type === 'INT64' ? [10, 450] : [8, 300];
  return field.length + names * name.length + words;
}
