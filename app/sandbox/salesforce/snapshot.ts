import { setImmediate } from 'node:timers/promises';
import { Dice } from './dice.ts';
import type { Value } from './field.ts';
import type { SoqlQuery } from './soql.ts';
import type { Change, Row } from './table.ts';

const ROWS_BETWEEN_BREATHS = 5_000;

/** The rows that a query found, as they were: pages of it can be read again and never change. */
export class Snapshot {
  readonly #ordinals: number[];
  readonly #changes: Map<number, Change>;

  constructor(rows: { ordinals: number[]; changes: Map<number, Change> }) {
    this.#ordinals = rows.ordinals;
    this.#changes = rows.changes;
  }

  get length(): number {
    return this.#ordinals.length;
  }

  /** Rows from one position to another, this excluded. */
  *rows(from = 0, to = this.length): Generator<Row> {
    for (const ordinal of this.#ordinals.slice(from, to)) yield { ordinal, change: this.#changes.get(ordinal) };
  }
}

/** Evaluates a query. Deleted rows are found only when asked for; with a seed the rows come in an order of their own. */
export async function takeSnapshot(query: SoqlQuery, options: { deleted: boolean; shuffle?: number }): Promise<Snapshot> {
  const ordinals: number[] = [];
  const changes = new Map<number, Change>();
  const enough = query.order.length === 0 && query.limit !== undefined ? query.limit + (query.offset ?? 0) : Number.POSITIVE_INFINITY;
  let read = 0;
  for (const row of query.table.rows()) {
    if (ordinals.length >= enough) break;
    if (++read % ROWS_BETWEEN_BREATHS === 0) await setImmediate();
    if (!options.deleted && query.table.isDeleted(row)) continue;
    if (!query.matches(row)) continue;
    ordinals.push(row.ordinal);
    if (row.change) changes.set(row.ordinal, row.change);
  }
  if (query.order.length > 0) sort(ordinals, changes, query);
  else if (options.shuffle !== undefined) shuffle(ordinals, new Dice(options.shuffle));
  const from = query.offset ?? 0;
  const to = query.limit === undefined ? undefined : from + query.limit;
  return new Snapshot({ ordinals: from === 0 && to === undefined ? ordinals : ordinals.slice(from, to), changes });
}

function sort(ordinals: number[], changes: Map<number, Change>, query: SoqlQuery): void {
  const keys = new Map(
    ordinals.map((ordinal) => [ordinal, query.order.map(({ column }) => column.read({ ordinal, change: changes.get(ordinal) }))]),
  );
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
  const [first, second] = [left, right].map((value) => (typeof value === 'string' ? value.toLowerCase() : value)) as [string, string];
  if (first === second) return 0;
  return first < second === descending ? 1 : -1;
}

function shuffle(ordinals: number[], dice: Dice): void {
  for (let last = ordinals.length - 1; last > 0; last--) {
    const other = dice.between(0, last);
    const ordinal = ordinals[last] as number;
    ordinals[last] = ordinals[other] as number;
    ordinals[other] = ordinal;
  }
}
