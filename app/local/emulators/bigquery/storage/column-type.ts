// BigQuery's types, and their DuckDB storage types.
import { ApiError } from '../rest/api-error.ts';

export type ScalarName =
  | 'STRING'
  | 'BYTES'
  | 'BOOL'
  | 'INT64'
  | 'FLOAT64'
  | 'NUMERIC'
  | 'BIGNUMERIC'
  | 'DATE'
  | 'DATETIME'
  | 'TIME'
  | 'TIMESTAMP';

/** `NULL` is the type of a bare NULL, before coercion. */
export interface ColumnType {
  name: ScalarName | 'ARRAY' | 'STRUCT' | 'NULL';
  element?: ColumnType;
  fields?: NamedType[];
}

export interface NamedType {
  name: string;
  type: ColumnType;
}

/** A field of a REST schema. */
export interface Field {
  name: string;
  type: string;
  mode?: string;
  description?: string;
  policyTags?: { names?: string[] };
  fields?: Field[];
}

/**
 * BIGNUMERIC is stored with 20 integer digits and 18 decimals, the most that 38 digits in DuckDB allow (BigQuery: 38 and 38).
 * A larger number does not cast here, and extra decimals are rounded.
 */
const STORED_AS: Record<ScalarName, string> = {
  STRING: 'VARCHAR',
  BYTES: 'BLOB',
  BOOL: 'BOOLEAN',
  INT64: 'BIGINT',
  FLOAT64: 'DOUBLE',
  NUMERIC: 'DECIMAL(38,9)',
  BIGNUMERIC: 'DECIMAL(38,18)',
  DATE: 'DATE',
  DATETIME: 'TIMESTAMP',
  TIME: 'TIME',
  TIMESTAMP: 'TIMESTAMPTZ',
};

/** Aliases of these types in schemas and SQL. */
const ALIASES: Record<string, ScalarName> = {
  BOOLEAN: 'BOOL',
  INTEGER: 'INT64',
  INT: 'INT64',
  SMALLINT: 'INT64',
  BIGINT: 'INT64',
  TINYINT: 'INT64',
  BYTEINT: 'INT64',
  FLOAT: 'FLOAT64',
  DECIMAL: 'NUMERIC',
  BIGDECIMAL: 'BIGNUMERIC',
};

/** The REST spelling of types that SQL spells differently. */
const REST_NAMES: Partial<Record<string, string>> = { INT64: 'INTEGER', FLOAT64: 'FLOAT', BOOL: 'BOOLEAN', STRUCT: 'RECORD' };

export const scalar = (name: ScalarName): ColumnType => ({ name });

export function scalarName(word: string): ScalarName | undefined {
  const upper = word.toUpperCase();
  return upper in STORED_AS ? (upper as ScalarName) : ALIASES[upper];
}

/** The DuckDB type that stores a column of this type. */
export function storedAs(type: ColumnType): string {
  if (type.name === 'ARRAY') return `${storedAs(type.element!)}[]`;
  if (type.name === 'STRUCT') return `STRUCT(${type.fields!.map((field) => `${quoted(field.name)} ${storedAs(field.type)}`).join(', ')})`;
  return type.name === 'NULL' ? 'BIGINT' : STORED_AS[type.name];
}

/** The type as GoogleSQL writes it. */
export function typeText(type: ColumnType): string {
  if (type.name === 'ARRAY') return `ARRAY<${typeText(type.element!)}>`;
  if (type.name === 'STRUCT') return `STRUCT<${type.fields!.map((field) => `${field.name} ${typeText(field.type)}`).join(', ')}>`;
  return type.name;
}

export const sameType = (one: ColumnType, other: ColumnType) => typeText(one) === typeText(other);

export function typeOfField(field: Field): ColumnType {
  const repeated = field.mode?.toUpperCase() === 'REPEATED';
  const type = typeOfWord(field);
  return repeated ? { name: 'ARRAY', element: type } : type;
}

function typeOfWord(field: Field): ColumnType {
  const word = String(field.type ?? '').toUpperCase();
  if (word === 'RECORD' || word === 'STRUCT') {
    return { name: 'STRUCT', fields: (field.fields ?? []).map((inner) => ({ name: inner.name, type: typeOfField(inner) })) };
  }
  const name = scalarName(word);
  if (!name) throw new ApiError('invalid', `Invalid value for type: ${field.type} is not a valid value`);
  return scalar(name);
}

/** The REST field of a column. */
export function fieldOf(name: string, type: ColumnType): Field {
  const inner = type.name === 'ARRAY' ? type.element! : type;
  const word = inner.name === 'NULL' ? 'INT64' : inner.name;
  const fields = inner.name === 'STRUCT' ? { fields: inner.fields!.map((field) => fieldOf(field.name, field.type)) } : {};
  return { name, type: REST_NAMES[word] ?? word, mode: type.name === 'ARRAY' ? 'REPEATED' : 'NULLABLE', ...fields };
}

/** Quotes an identifier or a string for DuckDB. */
export const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;
export const text = (value: string) => `'${value.replaceAll("'", "''")}'`;

const FIXED_BYTES: Partial<Record<ColumnType['name'], number>> = { BOOL: 1, NUMERIC: 16, BIGNUMERIC: 32 };

/** DuckDB expression: the logical bytes of a column over all rows, by BigQuery's table of data sizes. */
export function bytesExpression(column: string, type: ColumnType): string {
  if (type.name === 'STRING') return `coalesce(sum(2 + strlen(${column})), 0)`;
  if (type.name === 'BYTES') return `coalesce(sum(2 + octet_length(${column})), 0)`;
  if (type.name === 'ARRAY') return `coalesce(sum(8 * len(${column})), 0)`;
  return `count(${column}) * ${FIXED_BYTES[type.name] ?? 8}`;
}
