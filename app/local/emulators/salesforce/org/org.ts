import type { Clock } from '../clock.ts';
import { toTimestamp, USER_COUNT } from '../objects/common-fields.ts';
import { fillerDefinition } from '../objects/filler-objects.ts';
import { objectDefinitions } from '../objects/objects.ts';
import { type RowCounts, rowCounts } from '../objects/row-counts.ts';
import { ActivitySimulator } from './activity-simulator.ts';
import { Dice } from './dice.ts';
import { NOT_VALUES, type Value, type World } from './field.ts';
import { changeField, type FieldChange } from './field-change.ts';
import { mergeRecords } from './merge-records.ts';
import { recordId } from './record-id.ts';
import { type Row, Table } from './table.ts';
import { type Tables, worldOf } from './tables.ts';

/** A record's raw values by field name, without compound and base64 fields. */
export type OrgRecord = Record<string, Value>;

const DAY_SECONDS = 86_400;
const BIN_DAYS = 15;
/** The bin is emptied nightly from this day on. Until then deleted rows are kept, so that the first weeks can be compared row by row. */
const EMPTIED_FROM = Date.UTC(2023, 3, 1) / 1000;

/** The whole org: generated from a seed, changing with the clock, and open to changes from tests. */
export class Org implements Tables {
  readonly seed: number;
  readonly id: string;
  /** The first is the connected user. */
  readonly users: readonly string[];
  readonly clock: Clock;
  readonly #tables: Map<string, Table>;
  /** Objects without rows are created on demand. */
  readonly #fillers = new Map<string, Table>();
  readonly #simulators: ActivitySimulator[];
  #nextEmptying = EMPTIED_FROM;

  constructor(seed: number, size: number, clock: Clock, rows: Partial<RowCounts> = {}, customObjects = 0) {
    this.seed = seed;
    this.clock = clock;
    this.id = recordId('00D', new Dice(seed).between(100_000, 2_000_000_000));
    this.users = Array.from({ length: USER_COUNT }, (_, index) => recordId('005', index + 1));
    const world = this.#world();
    const tables = objectDefinitions(this.id, rowCounts(size, rows), customObjects).map((definition) => new Table(definition, seed, world));
    this.#tables = new Map(tables.map((table) => [table.definition.name.toLowerCase(), table]));
    this.#simulators = tables
      .filter((table) => table.definition.isSimulated)
      .map((table) => new ActivitySimulator(table, seed, this.users, (...merged) => mergeRecords(tables, ...merged)));
  }

  /** All tables that have rows and that the connected user can see, as they are now. */
  tables(): Table[] {
    this.#catchUp();
    return [...this.#tables.values()].filter(({ hidden }) => !hidden);
  }

  /** An object's current table if the connected user can see it; names are case-insensitive. */
  table(object: string): Table | undefined {
    const found = this.anyTable(object);
    return found?.hidden ? undefined : found;
  }

  /** Whether or not the connected user can see it. */
  anyTable(object: string): Table | undefined {
    this.#catchUp();
    const name = object.toLowerCase();
    return this.#tables.get(name) ?? this.#fillers.get(name) ?? this.#filler(name);
  }

  withKeyPrefix(keyPrefix: string): Table | undefined {
    return this.#tables.values().find((table) => table.definition.keyPrefix === keyPrefix);
  }

  /** A snapshot of the org, for queries that are read page by page. */
  freeze(): Tables {
    this.#catchUp();
    const now = this.clock.now();
    const frozen: Tables = {
      table: (object) => {
        const found = tables.get(object.toLowerCase()) ?? this.table(object);
        return found?.hidden ? undefined : found;
      },
      withKeyPrefix: (keyPrefix) => tables.values().find((table) => table.definition.keyPrefix === keyPrefix),
      now: () => now,
    };
    const world = worldOf(
      () => now,
      (object) => tables.get(object.toLowerCase()),
      frozen.withKeyPrefix,
    );
    const tables = new Map([...this.#tables].map(([name, table]) => [name, table.freeze(world)]));
    return frozen;
  }

  now(): Date {
    return this.clock.now();
  }

  /** Inserts a record and returns its id. Keeps stamps that are passed in, so rows can be late or back-dated. */
  insert(object: string, fields: OrgRecord): string {
    const table = this.#tableToWrite(object);
    const second = toTimestamp(this.clock.now().getTime());
    const [user = null] = this.users;
    const audit = { OwnerId: user, CreatedDate: second, CreatedById: user };
    const kept = Object.entries(audit).filter(([name]) => table.field(name));
    return table.idOf(table.insert({ ...Object.fromEntries(kept), ...this.#stamps(table), ...fields }));
  }

  update(object: string, id: string, fields: OrgRecord): void {
    const table = this.#tableToWrite(object);
    const row = this.#rowToWrite(table, id);
    if (table.isDeleted(row)) throw new Error(`${object} ${id} is deleted.`);
    table.change(row.ordinal, { ...this.#stamps(table), ...fields });
  }

  /** Moves a record to the recycle bin. */
  remove(object: string, id: string): void {
    const table = this.#tableToWrite(object);
    if (!table.field('IsDeleted')) throw new Error(`Records of ${object} cannot be deleted.`);
    table.moveToBin(this.#rowToWrite(table, id).ordinal, this.#stamps(table), toTimestamp(this.clock.now().getTime()));
  }

  /** Restores a record from the recycle bin. Whether a real org moves its stamps is not known, so both can happen. */
  undelete(object: string, id: string, movesStamps = true): void {
    const table = this.#tableToWrite(object);
    table.change(this.#rowToWrite(table, id).ordinal, { ...(movesStamps ? this.#stamps(table) : {}), IsDeleted: false });
  }

  /** Purges every record of an object that is in the recycle bin. */
  emptyBin(object: string): void {
    this.#tableToWrite(object).emptyBin(toTimestamp(this.clock.now().getTime()));
  }

  /** Takes an object, or one record of it, from the connected user, or gives it back. No stamp moves. */
  changeAccess(object: string, change: 'hide' | 'show', id?: string): void {
    const table = this.anyTable(object);
    if (!table) throw new Error(`There is no object ${object}.`);
    if (change !== 'hide' && change !== 'show') throw new Error('Unknown change. Use hide or show.');
    if (id === undefined) table.hidden = change === 'hide';
    else if (!table.hideRow(id, change === 'hide')) throw new Error(`There is no ${table.definition.name} ${id}.`);
  }

  /** Removes a record; only the log of deletions still lists it. */
  purge(object: string, id: string): void {
    const table = this.#tableToWrite(object);
    table.purge(this.#rowToWrite(table, id).ordinal, toTimestamp(this.clock.now().getTime()));
  }

  /** Merges two records: the loser is deleted with its MasterRecordId set, and its children move to the master. */
  merge(object: string, masterId: string, loserId: string): void {
    const table = this.#tableToWrite(object);
    if (!table.field('MasterRecordId')) throw new Error(`Records of ${object} cannot be merged.`);
    const [master, loser] = [this.#rowToWrite(table, masterId), this.#rowToWrite(table, loserId)];
    mergeRecords([...this.#tables.values()], table, master, loser, this.#stamps(table));
  }

  /** Changes a field for the connected user from now on. */
  changeField(object: string, change: FieldChange): void {
    const table = this.anyTable(object);
    if (!table) throw new Error(`There is no object ${object}.`);
    changeField(table, change);
    // Last-Modified is documented only for metadata: field-level security need not move it.
    if (change.change === 'hide' || change.change === 'show') return;
    table.describedAt = new Date(Math.max(this.clock.now().getTime(), table.describedAt.getTime() + 1000));
  }

  /** Every record of an object that the connected user can see, including deleted ones, generated one by one. */
  *records(object: string): Generator<OrgRecord> {
    const table = this.anyTable(object);
    if (!table) throw new Error(`There is no object ${object}.`);
    const names = table.fields.filter(({ facts }) => !NOT_VALUES.includes(facts.type)).map(({ facts }) => facts.name);
    for (const row of table.rows()) yield Object.fromEntries(names.map((name) => [name, table.value(row, name)]));
  }

  /** The live org, for formulas: reading it must not make the org catch up, which itself reads formulas. */
  #world(): World {
    return worldOf(
      () => this.clock.now(),
      (object) => this.#tables.get(object.toLowerCase()),
      (keyPrefix) => this.withKeyPrefix(keyPrefix),
    );
  }

  /** Objects interact, so events run in the order of time, across all objects. */
  #catchUp(): void {
    const until = this.clock.markSeen().getTime() / 1000;
    for (let simulator = this.#soonest(); simulator && simulator.next.second <= until; simulator = this.#soonest()) {
      this.#emptyBinsUntil(simulator.next.second);
      simulator.step();
    }
    this.#emptyBinsUntil(until);
  }

  #soonest(): ActivitySimulator | undefined {
    let soonest: ActivitySimulator | undefined;
    for (const simulator of this.#simulators) if (!soonest || simulator.next.second < soonest.next.second) soonest = simulator;
    return soonest;
  }

  #emptyBinsUntil(second: number): void {
    for (; this.#nextEmptying <= second; this.#nextEmptying += DAY_SECONDS) {
      const before = toTimestamp((this.#nextEmptying - BIN_DAYS * DAY_SECONDS) * 1000);
      for (const table of this.#tables.values()) table.emptyBin(before, before);
    }
  }

  #filler(name: string): Table | undefined {
    const definition = fillerDefinition(name);
    if (!definition) return undefined;
    const table = new Table(definition, this.seed, this.#world());
    this.#fillers.set(name, table);
    return table;
  }

  /** The stamps of a change now, as far as the object has them. */
  #stamps(table: Table): OrgRecord {
    const second = toTimestamp(this.clock.now().getTime());
    const stamps = { SystemModstamp: second, LastModifiedDate: second, LastModifiedById: this.users[0] ?? null };
    return Object.fromEntries(Object.entries(stamps).filter(([name]) => table.field(name)));
  }

  #tableToWrite(object: string): Table {
    const table = this.anyTable(object);
    if (!table?.definition.isSimulated) throw new Error(`Records of ${object} cannot be written.`);
    return table;
  }

  #rowToWrite(table: Table, id: string): Row {
    const row = table.find(id);
    if (!row) throw new Error(`There is no ${table.definition.name} ${id}.`);
    return row;
  }
}
