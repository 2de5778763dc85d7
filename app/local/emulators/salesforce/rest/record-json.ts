import { withOffset } from '../bulk/bulk-job-reply.ts';
import type { Field, Value } from '../org/field.ts';
import type { Row, Table } from '../org/table.ts';
import type { Column } from '../soql/column.ts';
import type { SoqlQuery } from '../soql/soql.ts';

export type Json = Value | JsonObject;
export type JsonObject = { [name: string]: Json };

/** A query row as REST returns it, with nested parents. */
export function queriedRecord(query: SoqlQuery, row: Row, version: string): JsonObject {
  const record: JsonObject = { attributes: attributes(query.table, row, version) };
  for (const column of query.columns) place(record, column, row, version);
  return record;
}

/** A row with all fields that the user can see, or some of them. */
export function fullRecord(table: Table, row: Row, version: string, fields: Field[] = table.fields): JsonObject {
  const record: JsonObject = { attributes: attributes(table, row, version) };
  for (const field of fields) record[field.facts.name] = jsonValue(field, table, row, version);
  return record;
}

function attributes(table: Table, row: Row, version: string, shownAs = table.definition.name): JsonObject {
  return { type: shownAs, url: `/services/data/v${version}/sobjects/${table.definition.name}/${table.value(row, 'Id')}` };
}

/** Adds a column's value to the record; a parent's field goes into the nested parent. */
function place(record: JsonObject, column: Column, row: Row, version: string): void {
  let nested = record;
  for (const [index, find] of column.parents.entries()) {
    const name = column.names[index] ?? '';
    const parent = find(row);
    nested[name] ??= parent && { attributes: attributes(parent.table, parent.row, version, parent.shownAs) };
    if (nested[name] === null) return;
    nested = nested[name] as JsonObject;
  }
  const end = column.parents.at(-1)?.(row) ?? { table: column.table, row };
  nested[column.facts.name] = 'shownAs' in end ? column.read(row) : jsonValue(column.field, end.table, end.row, version);
}

function jsonValue({ facts }: Field, table: Table, row: Row, version: string): Json {
  if (facts.type === 'address' || facts.type === 'location') return compound(facts.name, table, row);
  const value = table.value(row, facts.name);
  if (value === null) return null;
  if (facts.type === 'datetime') return withOffset(String(value));
  // Blobs appear as a link from which the bytes can be downloaded.
  if (facts.type === 'base64') return `/services/data/v${version}/sobjects/${table.definition.name}${value}`;
  return facts.type === 'anyType' ? typed(String(value)) : value;
}

/** History returns booleans and numbers as JSON values, not as text. */
function typed(text: string): Value {
  if (text === 'true' || text === 'false') return text === 'true';
  return /^-?\d+\.\d*[1-9]$/.test(text) ? Number(text) : text;
}

/** The value of an address or a location: its parts under their own names; null if all of them are null. */
function compound(name: string, table: Table, row: Row): JsonObject | null {
  const parts = table.fields.filter(({ facts }) => facts.compoundFieldName === name);
  const values = parts.map(({ facts }) => [partName(facts.name, name), table.value(row, facts.name)] as const);
  if (values.every(([, value]) => value === null)) return null;
  return Object.fromEntries(values.toSorted(([left], [right]) => (left < right ? -1 : 1)));
}

/** `BillingCity` and `Site__City__s` both become `city`. */
function partName(part: string, compoundName: string): string {
  const prefix = compoundName.replace(/__c$/, '__').replace(/Address$/, '');
  const own = part.slice(prefix.length).replace(/__s$/, '');
  return own.charAt(0).toLowerCase() + own.slice(1);
}
