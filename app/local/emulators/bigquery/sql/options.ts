import { invalidQuery } from '../rest/api-error.ts';
import type { Field } from '../storage/column-type.ts';
import type { Expression, Option } from './tree.ts';

/** The part of a table's resource that OPTIONS, PARTITION BY and CLUSTER BY set. Null removes a value. */
export interface OptionValues {
  description?: string | null;
  friendlyName?: string | null;
  labels?: Record<string, string> | null;
  expirationTime?: string | null;
  timePartitioning?: { type: string; field: string; expirationMs?: string };
  /** How long partitions are kept, in ms; part of timePartitioning. */
  partitionExpirationMs?: string | null;
  clustering?: { fields: string[] };
  tableConstraints?: { primaryKey: { columns: string[] } };
}

/** The values of OPTIONS (…), literals only. */
export function optionValues(options: Option[]): OptionValues {
  const values: OptionValues = {};
  for (const { name, value, place } of options) {
    const isNull = value.kind === 'null';
    if (name === 'description') values.description = isNull ? null : literal(value, 'STRING', name);
    else if (name === 'friendly_name') values.friendlyName = isNull ? null : literal(value, 'STRING', name);
    else if (name === 'expiration_timestamp')
      values.expirationTime = isNull ? null : String(timestampMs(literal(value, 'TIMESTAMP', name), place));
    else if (name === 'partition_expiration_days') values.partitionExpirationMs = isNull ? null : daysInMs(value, place);
    else if (name === 'labels') values.labels = isNull ? null : labels(value);
    else throw invalidQuery(`The local BigQuery does not support the option ${name}`, place);
  }
  return values;
}

function literal(value: Expression, type: string, option: string): string {
  if (value.kind === 'literal' && (value.type === type || (value.type === 'STRING' && type === 'TIMESTAMP'))) return value.value;
  throw invalidQuery(`Option ${option} needs a ${type} literal`, 'place' in value ? value.place : undefined);
}

function daysInMs(value: Expression, place: Option['place']): string {
  if (value.kind !== 'literal' || !Number.isFinite(Number(value.value)) || value.type === 'STRING')
    throw invalidQuery('Option partition_expiration_days needs a number', place);
  return String(Math.round(Number(value.value) * 24 * 60 * 60 * 1000));
}

function timestampMs(written: string, place: Option['place']): number {
  const parts = /^(\d{4}-\d{2}-\d{2})(?:[ T](\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?))?(Z| ?UTC|[+-]\d{2}(?::?\d{2})?)?$/.exec(written);
  const zone = (parts?.[3] ?? 'Z')
    .replace(/ ?UTC/, 'Z')
    .replace(/^([+-]\d{2})(?::?(\d{2}))?$/, (_, hours, minutes) => `${hours}:${minutes ?? '00'}`);
  const ms = parts ? Date.parse(`${parts[1]}T${parts[2] ?? '00:00:00'}${zone}`) : Number.NaN;
  if (Number.isNaN(ms)) throw invalidQuery(`Invalid timestamp: '${written}'`, place);
  return ms;
}

function labels(value: Expression): Record<string, string> {
  if (value.kind !== 'array') throw invalidQuery('Option labels needs an array of pairs');
  return Object.fromEntries(
    value.items.map((pair) => {
      if (pair.kind !== 'array' || pair.items.length !== 2) throw invalidQuery('Option labels needs an array of pairs');
      const [key, text] = pair.items.map((part) => literal(part, 'STRING', 'labels')) as [string, string];
      checkLabel(key, text);
      return [key, text];
    }),
  );
}

/** Label keys start with a letter; keys and values contain only lower-case letters, digits, _ and -. Throws invalidQuery. */
export function checkLabel(key: string, value: string): void {
  if (!/^[\p{Ll}\p{Lo}][\p{Ll}\p{Lo}\p{N}_-]{0,62}$/u.test(key)) throw invalidQuery(`Label key "${key}" has invalid characters`);
  if (!/^[\p{Ll}\p{Lo}\p{N}_-]{0,63}$/u.test(value)) throw invalidQuery(`Label value "${value}" has invalid characters`);
}

/** PARTITION BY a date column or TIMESTAMP_TRUNC/DATE_TRUNC of a column, and CLUSTER BY. */
export function partitioning(by: Expression | undefined, clusterBy: string[], fields: Field[]): OptionValues {
  for (const name of clusterBy) fieldNamed(name, fields);
  if (clusterBy.length > 4) throw invalidQuery('CLUSTER BY takes at most 4 columns');
  const clustering = clusterBy.length > 0 ? { clustering: { fields: clusterBy } } : {};
  return by ? { timePartitioning: partitionOf(by, fields), ...clustering } : clustering;
}

function partitionOf(by: Expression, fields: Field[]): { type: string; field: string } {
  const [column, part] = by.kind === 'call' ? by.arguments : [by];
  const unknown = () =>
    invalidQuery('PARTITION BY expression must be DATE(<timestamp>), a DATE column, or DATE_TRUNC or TIMESTAMP_TRUNC of a column');
  if (column?.kind !== 'path') throw unknown();
  const field = fieldNamed(column.names[0]!, fields);
  if (by.kind !== 'call') {
    if (field.type !== 'DATE') throw unknown();
    return { type: 'DAY', field: field.name };
  }
  const wanted: Record<string, string> = { DATE: 'TIMESTAMP', TIMESTAMP_TRUNC: 'TIMESTAMP', DATE_TRUNC: 'DATE' };
  const type = by.name === 'DATE' ? 'DAY' : part?.kind === 'path' ? part.names[0]!.toUpperCase() : '';
  if (wanted[by.name] !== field.type || !['HOUR', 'DAY', 'MONTH', 'YEAR'].includes(type)) throw unknown();
  return { type, field: field.name };
}

function fieldNamed(name: string, fields: Field[]): Field {
  const field = fields.find((each) => each.name.toLowerCase() === name.toLowerCase());
  if (!field) throw invalidQuery(`Unrecognized name: ${name}`);
  return field;
}
