type CamelCase<S extends string> = S extends `${infer Head}_${infer Tail}` ? `${Head}${Capitalize<CamelCase<Tail>>}` : S;

type SnakeCase<S extends string> = S extends `${infer First}${infer Rest}`
  ? `${First extends Lowercase<First> ? First : `_${Lowercase<First>}`}${SnakeCase<Rest>}`
  : S;

/** The row of a record: its property `cursorFrom` is the column `cursor_from`. */
export type RowOf<T> = { [K in keyof T & string as SnakeCase<K>]: T[K] };

/** The record of a row: its column `cursor_from` is the property `cursorFrom`. */
export type RecordOf<Row> = { [K in keyof Row & string as CamelCase<K>]: Row[K] };

/** Maps a row to its record. The statement must select exactly the record's columns. */
export function toRecord<Row extends object>(row: Row): RecordOf<Row> {
  const record: Record<string, unknown> = {};
  for (const [column, value] of Object.entries(row)) record[camelCase(column)] = value;
  return record as RecordOf<Row>;
}

/** The column of a property. */
export function columnOf(property: string): string {
  return property.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** By column: statements name a few hundred, and rows repeat them. */
const PROPERTIES = new Map<string, string>();

function camelCase(column: string): string {
  const known = PROPERTIES.get(column);
  if (known !== undefined) return known;
  const property = column.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  PROPERTIES.set(column, property);
  return property;
}
