import type { FieldFacts, Value } from './field.ts';
import type { Org } from './org.ts';
import { invalidField, noSuchColumn } from './soql-error.ts';
import type { Row, Table } from './table.ts';

/** A field or parent field of a query. */
export interface Column {
  /** As the query spells it, dotted for parent fields. */
  path: string;
  /** As describe spells it. */
  names: string[];
  facts: FieldFacts;
  /** The queried object's table. */
  table: Table;
  read: (row: Row) => Value;
  /** Finds the parents along the path, the nearest first: null from where one is missing. */
  parents: FindRow[];
}

export type FindRow = (row: Row) => { table: Table; row: Row } | null;

/** Finds what a path such as `Name` or `Account.Name` means. Throws INVALID_FIELD. */
export function columnOf(org: Org, table: Table, soql: string, path: string): Column {
  const parts = path.split('.');
  // The object's own name may stand in front of its fields.
  if (parts.length > 1 && parts[0]?.toLowerCase() === table.definition.name.toLowerCase() && !relationship(table, parts[0])) parts.shift();
  const last = parts.pop() ?? '';
  let target = table;
  let parent: FindRow = (row) => ({ table, row });
  const parents: FindRow[] = [];
  const names: string[] = [];
  for (const part of parts) {
    const step = relationship(target, part);
    const next = step && org.table(step.referenceTo[0] ?? '');
    if (!step || !next)
      throw invalidField(
        soql,
        path,
        `Didn't understand relationship '${part}' in field path. If you are attempting to use a custom relationship, be sure to append the '__r' after the custom relationship name. Please reference your WSDL or the describe call for the appropriate names.`,
      );
    names.push(step.relationshipName ?? part);
    parent = follow(parent, step.name, next);
    parents.push(parent);
    target = next;
  }
  const facts = target.definition.fields.find((field) => field.facts.name.toLowerCase() === last.toLowerCase())?.facts;
  if (!facts) throw noSuchColumn(soql, path, last, target.definition.name);
  const read = parts.length === 0 ? (row: Row) => table.value(row, facts.name) : readFrom(parent, facts.name);
  return { path, names: [...names, facts.name], facts, table, read, parents };
}

function relationship(table: Table, name: string | undefined): FieldFacts | undefined {
  return table.definition.fields.find((field) => field.facts.relationshipName?.toLowerCase() === name?.toLowerCase())?.facts;
}

function follow(parent: FindRow, reference: string, target: Table): FindRow {
  return (start) => {
    const from = parent(start);
    const id = from?.table.value(from.row, reference);
    const row = typeof id === 'string' ? target.find(id) : undefined;
    return row ? { table: target, row } : null;
  };
}

function readFrom(parent: FindRow, name: string): Column['read'] {
  return (start) => {
    const from = parent(start);
    return from ? from.table.value(from.row, name) : null;
  };
}
