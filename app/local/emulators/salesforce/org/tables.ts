import type { Value, World } from './field.ts';
import type { Table } from './table.ts';

/** Objects by name, of the live org or of a snapshot. */
export interface Tables {
  /** Undefined if the connected user cannot see the object. Names are case-insensitive. */
  table(object: string): Table | undefined;
  withKeyPrefix(keyPrefix: string): Table | undefined;
  now(): Date;
}

/** What formulas can read of these tables, which include those that the connected user cannot see. */
export function worldOf(now: () => Date, tableOf: (object: string) => Table | undefined, withKeyPrefix: Tables['withKeyPrefix']): World {
  return {
    now,
    lookUp: (id, field) => lookUp(withKeyPrefix, id, field),
    children: (object, reference, id) => children(tableOf(object), reference, id),
  };
}

function lookUp(withKeyPrefix: Tables['withKeyPrefix'], id: Value, field: string): Value {
  if (typeof id !== 'string') return null;
  const table = withKeyPrefix(id.slice(0, 3));
  const row = table?.find(id);
  return table && row && table.field(field) ? table.value(row, field) : null;
}

function children(table: Table | undefined, reference: string, id: Value): ((field: string) => Value)[] {
  const rows = table?.field(reference) ? [...table.rows()] : [];
  const found = rows.filter((row) => !table!.isDeleted(row) && table!.value(row, reference) === id);
  return found.map((row) => (field) => table!.value(row, field));
}
