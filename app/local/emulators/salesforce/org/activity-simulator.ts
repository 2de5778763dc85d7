import { toTimestamp } from '../objects/common-fields.ts';
import { type ActivityEvent, activityOfDay, FIRST_ACTIVITY_DAY, lateCommit } from './activity-events.ts';
import { Dice } from './dice.ts';
import type { Value } from './field.ts';
import type { Row, Table } from './table.ts';

/** The row that is edited every night; not one of the first, which are edited often anyway. */
const RESTAMPED = 7;
/** A long transaction commits up to 15 minutes after it stamped its rows. */
const MAX_COMMIT_SECONDS = 900;
/** Audit fields set at insert mark a row as migrated from another system, and old. */
const BACKDATED_FROM = Date.UTC(2014, 0, 1);
const BACKDATED_DAYS = 2500;

/** Merges two rows: the loser is deleted, and its children move to the master. */
export type Merge = (table: Table, master: Row, loser: Row, stamps: Record<string, Value>) => void;

/** Changes the rows of one object over time. */
export class ActivitySimulator {
  readonly #table: Table;
  readonly #seed: number;
  readonly #users: readonly string[];
  readonly #merge: Merge;
  readonly #editable: string[];
  readonly #bin: number[] = [];
  #day = FIRST_ACTIVITY_DAY;
  #rowsAtMidnight: number;
  #events: ActivityEvent[];
  #next = 0;

  constructor(table: Table, seed: number, users: readonly string[], merge: Merge) {
    this.#table = table;
    this.#seed = seed;
    this.#users = users;
    this.#merge = merge;
    this.#rowsAtMidnight = table.count;
    this.#editable = table.definition.fields.filter((field) => field.make && field.facts.updateable).map((field) => field.facts.name);
    this.#events = this.#eventsOfTheDay();
  }

  /** The next event. */
  get next(): ActivityEvent {
    for (;;) {
      const event = this.#events[this.#next];
      if (event) return event;
      this.#day++;
      this.#next = 0;
      this.#rowsAtMidnight = this.#table.count;
      this.#events = this.#eventsOfTheDay();
    }
  }

  /** Runs the next event. */
  step(): void {
    const event = this.next;
    this.#next++;
    const { onlyChanges } = this.#table.definition;
    if (!onlyChanges || onlyChanges.includes(event.kind)) this.#apply(event);
  }

  #eventsOfTheDay(): ActivityEvent[] {
    const { name, hasLateCommits } = this.#table.definition;
    const events = activityOfDay(this.#seed, name, this.#day, this.#table.base);
    return hasLateCommits ? [lateCommit(this.#seed, name, this.#day), ...events].sort((left, right) => left.second - right.second) : events;
  }

  #apply(event: ActivityEvent): void {
    const stamps = this.#stamps(event, event.second - this.#commitSeconds(event));
    if (event.kind === 'insert') this.#insert(event, stamps);
    else if (event.kind === 'undelete') this.#undelete(event, stamps);
    else {
      const row = event.kind === 'restamp' ? this.#restampedRow() : this.#existingRow(event.where);
      if (!row) return;
      const kept = this.#neverEarlier(row, stamps, event);
      if (event.kind === 'delete') this.#deleteOrMerge(row, event, kept);
      else this.#table.change(row.ordinal, { ...this.#newValues(row, event), ...kept });
    }
  }

  /** How long an event's rows were stamped before they became visible. */
  #commitSeconds(event: ActivityEvent): number {
    if (event.commitSeconds !== undefined) return event.commitSeconds;
    const dice = new Dice(event.seed, 2);
    return this.#table.definition.hasLateCommits && dice.onceIn(6) ? dice.between(60, MAX_COMMIT_SECONDS) : 0;
  }

  #stamps(event: ActivityEvent, at: number): Record<string, Value> {
    const second = toTimestamp(at * 1000);
    if (event.kind === 'touch') return { SystemModstamp: second };
    return { SystemModstamp: second, LastModifiedDate: second, LastModifiedById: new Dice(event.seed).pick(this.#users) };
  }

  /** A row that is locked by a transaction waits, so no later change has an older stamp. */
  #neverEarlier(row: Row, stamps: Record<string, Value>, event: ActivityEvent): Record<string, Value> {
    const before = this.#table.value(row, 'SystemModstamp');
    return String(before) > String(stamps.SystemModstamp) ? this.#stamps(event, event.second) : stamps;
  }

  #insert(event: ActivityEvent, stamps: Record<string, Value>): void {
    const audit = { CreatedDate: stamps.LastModifiedDate ?? null, CreatedById: stamps.LastModifiedById ?? null };
    const values = { ...stamps, ...audit, ...(this.#table.definition.hasLateCommits ? backdated(event) : {}) };
    this.#table.insertGenerated(Object.fromEntries(Object.entries(values).filter(([name]) => this.#table.field(name))));
  }

  #deleteOrMerge(row: Row, event: ActivityEvent, stamps: Record<string, Value>): void {
    if (row.ordinal === this.#restampedOrdinal()) return;
    const dice = new Dice(event.seed, 3);
    const master = this.#isMerged(dice) ? this.#existingRow(dice.next()) : undefined;
    if (master && master.ordinal !== row.ordinal) this.#merge(this.#table, master, row, stamps);
    else this.#table.change(row.ordinal, { IsDeleted: true, ...stamps });
    this.#bin.push(row.ordinal);
  }

  #isMerged(dice: Dice): boolean {
    const { hasLateCommits } = this.#table.definition;
    return hasLateCommits === true && this.#table.field('MasterRecordId') !== undefined && dice.onceIn(3);
  }

  #undelete(event: ActivityEvent, stamps: Record<string, Value>): void {
    const [ordinal] = this.#bin.splice(Math.floor(event.where * this.#bin.length), 1);
    const row = ordinal === undefined ? undefined : this.#table.row(ordinal);
    if (!row || !this.#table.isDeleted(row)) return;
    this.#table.change(row.ordinal, { IsDeleted: false, ...this.#neverEarlier(row, stamps, event) });
  }

  #newValues(row: Row, event: ActivityEvent): Record<string, Value> {
    const dice = new Dice(event.seed, 1);
    const names = Array.from({ length: dice.between(1, 3) }, () => dice.pick(this.#editable));
    return Object.fromEntries(names.map((name) => [name, this.#table.generateValue(row, name, event.seed)]));
  }

  #restampedOrdinal(): number {
    return Math.min(RESTAMPED, this.#table.base - 1);
  }

  #restampedRow(): Row | undefined {
    const row = this.#table.row(this.#restampedOrdinal());
    return row && !this.#table.isDeleted(row) ? row : undefined;
  }

  /** The row at this fraction of the rows at midnight, or the next one that is not deleted. */
  #existingRow(where: number): Row | undefined {
    const start = Math.floor(where * this.#rowsAtMidnight);
    for (let step = 0; step < this.#rowsAtMidnight; step++) {
      const row = this.#table.row((start + step) % this.#rowsAtMidnight);
      if (row && !this.#table.isDeleted(row)) return row;
    }
    return undefined;
  }
}

/** One insert in eight comes from another system with "Set Audit Fields": only SystemModstamp shows the real time. */
function backdated(event: ActivityEvent): Record<string, Value> {
  const dice = new Dice(event.seed, 4);
  if (!dice.onceIn(8)) return {};
  const long = toTimestamp(BACKDATED_FROM + dice.between(0, BACKDATED_DAYS * 86_400) * 1000);
  return { CreatedDate: long, LastModifiedDate: long };
}
