import { stamp } from './common-fields.ts';
import { Dice } from './dice.ts';
import type { Value } from './field.ts';
import { firstLifeDay, type LifeEvent, lifeEvents } from './life-events.ts';
import type { Row, Table } from './table.ts';

/** Which row is edited every night; none of the first, which are edited often anyway. */
const RESTAMPED = 7;

/** Lets the rows of one object change as time goes on. */
export class Life {
  readonly #table: Table;
  readonly #seed: number;
  readonly #users: readonly string[];
  readonly #editable: string[];
  readonly #bin: number[] = [];
  #day = firstLifeDay;
  #rowsAtMidnight: number;
  #events: LifeEvent[];
  #next = 0;

  constructor(table: Table, seed: number, users: readonly string[]) {
    this.#table = table;
    this.#seed = seed;
    this.#users = users;
    this.#rowsAtMidnight = table.count;
    this.#editable = table.definition.fields.filter((field) => field.make && field.facts.updateable).map((field) => field.facts.name);
    this.#events = this.#eventsOfTheDay();
  }

  /** Does everything that happens until an instant, this included. */
  liveUntil(instant: Date): void {
    const until = instant.getTime() / 1000;
    while (this.#day * 86_400 <= until) {
      for (let event = this.#events[this.#next]; event; event = this.#events[++this.#next]) {
        if (event.second > until) return;
        this.#happen(event);
      }
      if ((this.#day + 1) * 86_400 > until) return;
      this.#day++;
      this.#next = 0;
      this.#rowsAtMidnight = this.#table.count;
      this.#events = this.#eventsOfTheDay();
    }
  }

  #eventsOfTheDay(): LifeEvent[] {
    return lifeEvents(this.#seed, this.#table.definition.name, this.#day, this.#table.base);
  }

  #happen(event: LifeEvent): void {
    const stamps = this.#stamps(event);
    if (event.kind === 'insert') {
      this.#table.bear({ ...stamps, CreatedDate: stamp(event.second * 1000), CreatedById: stamps.LastModifiedById ?? null });
    } else if (event.kind === 'undelete') {
      this.#undelete(event, stamps);
    } else {
      const row = event.kind === 'restamp' ? this.#restampedRow() : this.#livingRow(event.where);
      if (row && event.kind === 'delete') this.#delete(row, stamps);
      else if (row) this.#table.change(row.ordinal, { ...this.#newValues(row, event), ...stamps });
    }
  }

  #stamps(event: LifeEvent): Record<string, Value> {
    const second = stamp(event.second * 1000);
    if (event.kind === 'touch') return { SystemModstamp: second };
    return { SystemModstamp: second, LastModifiedDate: second, LastModifiedById: new Dice(event.seed).pick(this.#users) };
  }

  #delete(row: Row, stamps: Record<string, Value>): void {
    if (row.ordinal === this.#restampedOrdinal()) return;
    this.#table.change(row.ordinal, { IsDeleted: true, ...stamps });
    this.#bin.push(row.ordinal);
  }

  #undelete(event: LifeEvent, stamps: Record<string, Value>): void {
    const [ordinal] = this.#bin.splice(Math.floor(event.where * this.#bin.length), 1);
    const row = ordinal === undefined ? undefined : this.#table.row(ordinal);
    if (row && this.#table.isDeleted(row)) this.#table.change(row.ordinal, { IsDeleted: false, ...stamps });
  }

  #newValues(row: Row, event: LifeEvent): Record<string, Value> {
    const dice = new Dice(event.seed, 1);
    const names = Array.from({ length: dice.between(1, 3) }, () => dice.pick(this.#editable));
    return Object.fromEntries(names.map((name) => [name, this.#table.anotherValue(row, name, event.seed)]));
  }

  #restampedOrdinal(): number {
    return Math.min(RESTAMPED, this.#table.base - 1);
  }

  #restampedRow(): Row | undefined {
    const row = this.#table.row(this.#restampedOrdinal());
    return row && !this.#table.isDeleted(row) ? row : undefined;
  }

  /** The row at this share of those that midnight found, or the next one that is not deleted. */
  #livingRow(where: number): Row | undefined {
    const start = Math.floor(where * this.#rowsAtMidnight);
    for (let step = 0; step < this.#rowsAtMidnight; step++) {
      const row = this.#table.row((start + step) % this.#rowsAtMidnight);
      if (row && !this.#table.isDeleted(row)) return row;
    }
    return undefined;
  }
}
