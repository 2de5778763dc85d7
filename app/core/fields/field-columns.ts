import { COLUMN_TYPES, type FieldColumn } from './columns.ts';

/** A column of the target table that a job created for a field. */
export interface FilledColumn {
  readonly column: string;
  /** false: rows have been written without the field's value since it last filled the column */
  readonly filled: boolean;
  /** distinguishes the salt of its hashes; absent: it contains none */
  readonly salt?: string;
}

/** The column of each field of a job. A retyped field has only its current one, so its earlier columns count as foreign. */
export type FieldColumns = Readonly<Record<string, FilledColumn>>;

/** The fields that old rows may lack, each with the time since when (ISO 8601). */
export type Backfill = Readonly<Record<string, string>>;

/** What a column's name has after that of its field, for each change of type that required a new column. */
const TYPE_SUFFIXES = new RegExp(`(_(${COLUMN_TYPES.join('|')}))+$`, 'i');

/** The record of a table that has just been created. */
export function fieldColumnsOf(columns: readonly FieldColumn[]): FieldColumns {
  return Object.fromEntries(
    columns.map(({ field, name, salt }) => [field, { column: name, filled: true, ...(salt !== undefined && { salt }) }]),
  );
}

/**
 * The columns that a run sets to NULL on the rows that it updates, because their values would be stale: the job created them for a field
 * that the run does not read. Excludes columns that users added, and earlier columns of retyped fields.
 * @param orphaned the columns of the table that the run does not fill
 */
export function emptiedColumns(recorded: FieldColumns, columns: readonly FieldColumn[], orphaned: readonly string[]): string[] {
  const read = new Set(columns.map(({ field }) => field));
  const unread = Object.entries(recorded).flatMap(([field, { column }]) => (read.has(field) ? [] : [column.toLowerCase()]));
  return orphaned.filter((name) => unread.includes(name.toLowerCase()));
}

/**
 * The columns of a table that have ever received values of these fields: that of a field's name, and those that changes of its type added
 * (core/fields/drift.ts names them by field and type). Earlier columns are known by their names alone, because the record has only the current one.
 * @param existing the names of the table's columns
 */
export function columnsOfFields(fields: readonly string[], existing: readonly string[], recorded: FieldColumns): string[] {
  const wanted = new Set(fields.map((field) => field.toLowerCase()));
  const ofOthers = new Set(
    Object.entries(recorded).flatMap(([field, { column }]) => (wanted.has(field.toLowerCase()) ? [] : [column.toLowerCase()])),
  );
  return existing.filter((name) => {
    const column = name.toLowerCase();
    return !ofOthers.has(column) && (wanted.has(column) || wanted.has(column.replace(TYPE_SUFFIXES, '')));
  });
}

/** Marks these columns as not filled. */
export function markUnfilled(recorded: FieldColumns, columns: readonly string[]): FieldColumns {
  const names = new Set(columns.map((name) => name.toLowerCase()));
  return Object.fromEntries(
    Object.entries(recorded).map(([field, found]) => [field, names.has(found.column.toLowerCase()) ? { ...found, filled: false } : found]),
  );
}

/**
 * Marks the columns of a run as filled.
 * @param recorded empty: the columns of earlier runs are unknown
 * @returns also the fields that rows of earlier runs lack: new, retyped, hidden until now, or from now on hashed, not hashed, or with another salt
 */
export function markFilled(recorded: FieldColumns, columns: readonly FieldColumn[]): { recorded: FieldColumns; appeared: string[] } {
  const isKnown = ({ field, name, salt }: FieldColumn): boolean => {
    const found = recorded[field];
    return found?.filled === true && found.column === name && found.salt === salt;
  };
  return {
    recorded: { ...recorded, ...fieldColumnsOf(columns) },
    appeared: Object.keys(recorded).length === 0 ? [] : columns.filter((column) => !isKnown(column)).map(({ field }) => field),
  };
}

/**
 * What is left to backfill after a sweep. A field that appeared after the sweep started stays. A field that the sweep could not read counts
 * as not filled, so that the next window with it starts over.
 * @param columns the sweep's
 */
export function settleBackfill(
  { recorded, backfill }: { recorded: FieldColumns; backfill: Backfill },
  columns: readonly FieldColumn[],
  startedAt: Date,
): { recorded: FieldColumns; backfill: Backfill } {
  const isSettled = (since: string): boolean => Date.parse(since) <= startedAt.getTime();
  const read = new Set(columns.map(({ field }) => field));
  const unread = Object.entries(backfill).flatMap(([field, since]) => (isSettled(since) && !read.has(field) ? [field] : []));
  return {
    recorded: markUnfilled(
      recorded,
      unread.flatMap((field) => recorded[field]?.column ?? []),
    ),
    backfill: Object.fromEntries(Object.entries(backfill).filter(([, since]) => !isSettled(since))),
  };
}
