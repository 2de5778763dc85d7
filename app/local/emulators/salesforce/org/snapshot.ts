import { setImmediate } from 'node:timers/promises';
import type { SoqlQuery } from '../soql/soql.ts';
import { Dice } from './dice.ts';
import type { FieldType, Value } from './field.ts';
import type { Row, Table } from './table.ts';

const ROWS_BETWEEN_BREATHS = 5_000;

/** The result rows of a query on a frozen org: its pages can be read repeatedly and never change. */
export class Snapshot {
  readonly #table: Table;
  readonly #ordinals: number[];

  constructor(table: Table, ordinals: number[]) {
    this.#table = table;
    this.#ordinals = ordinals;
  }

  get length(): number {
    return this.#ordinals.length;
  }

  /** Rows in a half-open range of positions. */
  *rows(from = 0, to = this.length): Generator<Row> {
    for (let place = from; place < Math.min(to, this.length); place++) {
      const row = this.#table.row(this.#ordinals[place] as number);
      if (row) yield row;
    }
  }
}

/** Evaluates a query. Deleted and archived rows are included only on request; with a seed, the row order is shuffled. */
export async function takeSnapshot(query: SoqlQuery, options: { deleted: boolean; shuffle?: number }): Promise<Snapshot> {
  const { table, offset = 0, limit } = query;
  const enough = query.order.length === 0 && limit !== undefined ? limit + offset : Number.POSITIVE_INFINITY;
  const ordinals: number[] = [];
  let read = 0;
  for (const row of table.rows()) {
    if (ordinals.length >= enough) break;
    if (++read % ROWS_BETWEEN_BREATHS === 0) await setImmediate();
    if (!options.deleted && table.isOnlyForQueryAll(row)) continue;
    if (query.matches(row)) ordinals.push(row.ordinal);
  }
  if (query.order.length > 0) sort(ordinals, query);
  else if (options.shuffle !== undefined) shuffle(ordinals, new Dice(options.shuffle));
  const to = limit === undefined ? undefined : offset + limit;
  return new Snapshot(table, offset === 0 && to === undefined ? ordinals : ordinals.slice(offset, to));
}

function sort(ordinals: number[], query: SoqlQuery): void {
  const keysOf = (ordinal: number): Value[] => {
    const row = query.table.row(ordinal);
    return row ? query.order.map(({ column }) => sortable(column.facts.type, column.read(row))) : [];
  };
  const keys = new Map(ordinals.map((ordinal) => [ordinal, keysOf(ordinal)]));
  ordinals.sort((left, right) => {
    for (const [index, { descending, nullsFirst }] of query.order.entries()) {
      const order = compare(keys.get(left)?.[index] ?? null, keys.get(right)?.[index] ?? null, descending, nullsFirst);
      if (order !== 0) return order;
    }
    return left - right;
  });
}

function compare(left: Value, right: Value, descending: boolean, nullsFirst: boolean): number {
  if (left === null || right === null) {
    if (left === right) return 0;
    return (left === null) === nullsFirst ? -1 : 1;
  }
  if (left === right) return 0;
  return left < right === descending ? 1 : -1;
}

/** Texts sort case-insensitively; Ids sort upper case before lower case. */
function sortable(type: FieldType, value: Value): Value {
  return typeof value === 'string' && type !== 'id' && type !== 'reference' ? value.toLowerCase() : value;
}

function shuffle(ordinals: number[], dice: Dice): void {
  for (let last = ordinals.length - 1; last > 0; last--) {
    const other = dice.between(0, last);
    const ordinal = ordinals[last] as number;
    ordinals[last] = ordinals[other] as number;
    ordinals[other] = ordinal;
  }
}
