// Typed pieces of DuckDB text, and the coercions between types.
import { type ApiError, invalidQuery } from '../rest/api-error.ts';
import { type ColumnType, type ScalarName, sameType, scalar, storedAs, text, typeText } from '../storage/column-type.ts';
import type { Place } from './tree.ts';

/** DuckDB text with its GoogleSQL type. */
export interface Value {
  sql: string;
  type: ColumnType;
  /** The value of a literal or parameter, whose type is not final: '2024-01-01' may be a DATE. */
  literal?: string | undefined;
  /** A date part such as DAY: an argument that is not a value. */
  part?: string;
  /** INTERVAL n part. */
  interval?: { amount: Value; part: string };
}

export const value = (type: ScalarName, sql: string): Value => ({ sql, type: scalar(type) });

/** Type → the types it coerces to implicitly. */
const IMPLICIT: Partial<Record<ColumnType['name'], ScalarName[]>> = {
  INT64: ['NUMERIC', 'BIGNUMERIC', 'FLOAT64'],
  NUMERIC: ['BIGNUMERIC', 'FLOAT64'],
  BIGNUMERIC: ['FLOAT64'],
  DATE: ['DATETIME'],
};

/** The same for literals and parameters. */
const LITERAL: Partial<Record<ColumnType['name'], ScalarName[]>> = {
  STRING: ['DATE', 'DATETIME', 'TIME', 'TIMESTAMP'],
  FLOAT64: ['NUMERIC', 'BIGNUMERIC'],
};

/** The value as the wanted type, if GoogleSQL coerces it implicitly. */
export function coerce(from: Value, to: ColumnType, place?: Place): Value | undefined {
  if (sameType(from.type, to)) return from;
  if (from.type.name === 'NULL') return { sql: `CAST(NULL AS ${storedAs(to)})`, type: to };
  if (from.type.name === 'ARRAY' && to.name === 'ARRAY' && from.type.element!.name === 'NULL')
    return { sql: `CAST([] AS ${storedAs(to)})`, type: to };
  const allowed: string[] = [...(IMPLICIT[from.type.name] ?? []), ...(from.literal === undefined ? [] : (LITERAL[from.type.name] ?? []))];
  if (!allowed.includes(to.name)) return undefined;
  // A number with a decimal point keeps all its digits if a NUMERIC is wanted.
  const exact = from.literal !== undefined && from.type.name === 'FLOAT64' && to.name !== 'FLOAT64';
  // Our BIGNUMERIC has fewer integer digits than NUMERIC: NULL if it cannot store the value, because BigQuery would not raise an error.
  const safe = from.type.name === 'NUMERIC' && to.name === 'BIGNUMERIC';
  return cast(exact ? { ...value('STRING', text(from.literal!)) } : from, to, safe, place);
}

/** The type to which all the values coerce, or undefined. */
export function commonType(values: Value[]): ColumnType | undefined {
  const known = values.filter((each) => each.type.name !== 'NULL');
  if (known.length === 0) return { name: 'NULL' };
  // A literal adapts to typed values: NUMERIC times 1.5 is NUMERIC.
  const firm = known.filter((each) => each.literal === undefined);
  const candidates = [...[...firm, ...known].map((each) => each.type), ...(['NUMERIC', 'BIGNUMERIC', 'FLOAT64'] as const).map(scalar)];
  return candidates.find((type) => known.every((each) => coerce(each, type) !== undefined));
}

const READ_TEXT: Partial<Record<ColumnType['name'], [macro: string, message: string]>> = {
  INT64: ['bq_int64', 'Bad int64 value: '],
  BOOL: ['bq_bool', 'Bad bool value: '],
  FLOAT64: ['bq_float64', 'Bad double value: '],
  NUMERIC: ['bq_numeric', 'Invalid NUMERIC value: '],
  BIGNUMERIC: ['bq_bignumeric', 'Invalid BIGNUMERIC value: '],
  DATE: ['bq_date', 'Invalid date: '],
  TIME: ['bq_time', 'Invalid time string '],
  DATETIME: ['bq_datetime', 'Invalid datetime string '],
  TIMESTAMP: ['bq_timestamp', 'Invalid timestamp: '],
};

const WRITE_TEXT: Partial<Record<ColumnType['name'], (sql: string) => string>> = {
  INT64: (sql) => `CAST(${sql} AS VARCHAR)`,
  BOOL: (sql) => `CAST(${sql} AS VARCHAR)`,
  FLOAT64: (sql) => `bq_float64_text(${sql})`,
  NUMERIC: (sql) => `bq_numeric_text(${sql})`,
  BIGNUMERIC: (sql) => `bq_numeric_text(${sql})`,
  DATE: (sql) => `CAST(${sql} AS VARCHAR)`,
  TIME: (sql) => `bq_time_text(${sql})`,
  DATETIME: (sql) => `bq_datetime_text(${sql})`,
  TIMESTAMP: (sql) => `bq_timestamp_text(${sql})`,
};

const plain = (to: ScalarName) => (sql: string) => `TRY_CAST(${sql} AS ${storedAs(scalar(to))})`;
const rounded = (to: ScalarName) => (sql: string) => `TRY_CAST(round(${sql}, 0) AS ${storedAs(scalar(to))})`;
const local = (to: string) => (sql: string) => `CAST(timezone('UTC', ${sql}) AS ${to})`;

/** From → to → how; each gives NULL if the value does not fit. */
const CONVERT: Partial<Record<string, Partial<Record<string, (sql: string) => string>>>> = {
  INT64: { FLOAT64: plain('FLOAT64'), NUMERIC: plain('NUMERIC'), BIGNUMERIC: plain('BIGNUMERIC'), BOOL: (sql) => `(${sql} <> 0)` },
  BOOL: { INT64: plain('INT64') },
  FLOAT64: { INT64: rounded('INT64'), NUMERIC: plain('NUMERIC'), BIGNUMERIC: plain('BIGNUMERIC') },
  NUMERIC: { INT64: rounded('INT64'), FLOAT64: plain('FLOAT64'), BIGNUMERIC: plain('BIGNUMERIC') },
  BIGNUMERIC: { INT64: rounded('INT64'), FLOAT64: plain('FLOAT64'), NUMERIC: plain('NUMERIC') },
  DATE: { DATETIME: plain('DATETIME'), TIMESTAMP: (sql) => `timezone('UTC', CAST(${sql} AS TIMESTAMP))` },
  DATETIME: { DATE: plain('DATE'), TIME: plain('TIME'), TIMESTAMP: (sql) => `timezone('UTC', ${sql})` },
  TIMESTAMP: { DATE: local('DATE'), TIME: local('TIME'), DATETIME: local('TIMESTAMP') },
};

/** CAST and SAFE_CAST. */
export function cast(from: Value, to: ColumnType, safe: boolean, place?: Place): Value {
  if (sameType(from.type, to)) return { sql: from.sql, type: to };
  if (from.type.name === 'NULL') return { sql: `CAST(NULL AS ${storedAs(to)})`, type: to };
  if (to.name === 'STRING' && WRITE_TEXT[from.type.name]) return { sql: WRITE_TEXT[from.type.name]!(from.sql), type: to };
  const reader = from.type.name === 'STRING' ? READ_TEXT[to.name] : undefined;
  const converted = reader ? `${reader[0]}(${from.sql})` : CONVERT[from.type.name]?.[to.name]?.(from.sql);
  if (converted === undefined) throw invalidQuery(`Invalid cast from ${typeText(from.type)} to ${typeText(to)}`, place);
  if (safe) return { sql: converted, type: to };
  return { sql: `bq_or_fail(${from.sql}, ${converted}, ${text(reader?.[1] ?? `${to.name} out of range: `)})`, type: to };
}

export function noSignatureError(what: string, args: Value[], place: Place): ApiError {
  return invalidQuery(`No matching signature for ${what} for argument types: ${args.map((each) => typeText(each.type)).join(', ')}`, place);
}
