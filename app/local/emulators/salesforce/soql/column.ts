import type { Field, FieldFacts, Value } from '../org/field.ts';
import type { Row, Table } from '../org/table.ts';
import type { Tables } from '../org/tables.ts';
import { invalidFieldError, noSuchColumnError } from './error.ts';
import { nameObjectField } from './name-object.ts';

/** A field or parent field in a query. */
export interface Column {
  /** As spelled in the query, dotted for parent fields. */
  path: string;
  /** As spelled by describe. */
  names: string[];
  field: Field;
  facts: FieldFacts;
  /** The queried object's table. */
  table: Table;
  read: (row: Row) => Value;
  /** Finds the parents along the path, nearest first; null from the first missing one on. */
  parents: FindRow[];
}

/** A parent; a polymorphic one appears as a Name. */
export interface Parent {
  table: Table;
  row: Row;
  shownAs?: string;
}

export type FindRow = (row: Row) => Parent | null;

/** Resolves a path such as `Name` or `Account.Name`. Throws INVALID_FIELD. */
export function columnOf(tables: Tables, table: Table, soql: string, path: string): Column {
  const parts = path.split('.');
  // The object's own name may precede its fields.
  if (parts.length > 1 && parts[0]?.toLowerCase() === table.definition.name.toLowerCase() && !relationship(table, parts[0])) parts.shift();
  const last = parts.pop() ?? '';
  // A polymorphic parent has only the fields of the Name object.
  let target: Table | undefined = table;
  let parent: FindRow = (row) => ({ table, row });
  const parents: FindRow[] = [];
  const names: string[] = [];
  for (const part of parts) {
    const step: FieldFacts | undefined = target && relationship(target, part);
    if (!step) throw noSuchRelationship(soql, path, part);
    target = step.referenceTo.length > 1 ? undefined : tables.table(step.referenceTo[0] ?? '');
    if (!target && step.referenceTo.length < 2) throw noSuchRelationship(soql, path, part);
    names.push(step.relationshipName ?? part);
    parent = target ? follow(parent, step.name, target) : followToAny(parent, step.name, tables);
    parents.push(parent);
  }
  const field = target ? fieldNamed(target, last) : nameObjectField(last);
  if (!field) throw noSuchColumnError(soql, path, last, target?.definition.name ?? 'Name');
  const { facts } = field;
  const read = parts.length === 0 ? (row: Row) => table.value(row, facts.name) : readFrom(parent, facts.name);
  return { path, names: [...names, facts.name], field, facts, table, read, parents };
}

function fieldNamed(table: Table, name: string): Field | undefined {
  return table.fields.find((field) => field.facts.name.toLowerCase() === name.toLowerCase());
}

function relationship(table: Table, name: string | undefined): FieldFacts | undefined {
  return table.fields.find((field) => field.facts.relationshipName?.toLowerCase() === name?.toLowerCase())?.facts;
}

function noSuchRelationship(soql: string, path: string, part: string): Error {
  return invalidFieldError(
    soql,
    path,
    `Didn't understand relationship '${part}' in field path. If you are attempting to use a custom relationship, be sure to append the '__r' after the custom relationship name. Please reference your WSDL or the describe call for the appropriate names.`,
  );
}

function follow(parent: FindRow, reference: string, target: Table): FindRow {
  return (start) => {
    const from = parent(start);
    const id = from?.table.value(from.row, reference);
    const row = typeof id === 'string' ? target.find(id) : undefined;
    return row ? { table: target, row } : null;
  };
}

/** The first three characters of an id identify the object. */
function followToAny(parent: FindRow, reference: string, tables: Tables): FindRow {
  return (start) => {
    const from = parent(start);
    const id = from?.table.value(from.row, reference);
    const table = typeof id === 'string' ? tables.withKeyPrefix(id.slice(0, 3)) : undefined;
    const row = typeof id === 'string' ? table?.find(id) : undefined;
    return table && row ? { table, row, shownAs: 'Name' } : null;
  };
}

function readFrom(parent: FindRow, name: string): Column['read'] {
  return (start) => {
    const from = parent(start);
    if (!from) return null;
    if (from.shownAs && name === 'Type') return from.table.definition.name;
    return from.table.field(name) ? from.table.value(from.row, name) : null;
  };
}
