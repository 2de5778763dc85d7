import type { Value, World } from './field.ts';
import type { Table } from './table.ts';

/** Objects by name, of the live org or of a snapshot. */
export interface Tables {
  /** Names are case-insensitive. */
  table(object: string): Table | undefined;
  withKeyPrefix(keyPrefix: string): Table | undefined;
  now(): Date;
}

/** What formulas can read of these tables. */
export function worldOf(now: () => Date, tables: Pick<Tables, 'withKeyPrefix'>): World {
  return { now, lookUp: (id, field) => lookUp(tables, id, field) };
}

function lookUp(tables: Pick<Tables, 'withKeyPrefix'>, id: Value, field: string): Value {
  if (typeof id !== 'string') return null;
  const table = tables.withKeyPrefix(id.slice(0, 3));
  const row = table?.find(id);
  return table && row && table.field(field) ? table.value(row, field) : null;
}
