import type { Clock } from './clock.ts';
import { stamp, USER_COUNT } from './common-fields.ts';
import { Dice } from './dice.ts';
import type { Value } from './field.ts';
import { Life } from './life.ts';
import { objectsOf } from './objects.ts';
import { recordId } from './record-id.ts';
import { type Row, Table } from './table.ts';

/** A record's raw values by field name, without compound and base64 fields. */
export type OrgRecord = Record<string, Value>;

/** The whole org: made from a seed number, changing with the clock, and open to changes from tests. */
export class Org {
  readonly seed: number;
  readonly id: string;
  /** The first is the user who connects. */
  readonly users: readonly string[];
  readonly clock: Clock;
  readonly #tables: Map<string, Table>;
  readonly #lives: Life[];

  constructor(seed: number, size: number, clock: Clock) {
    this.seed = seed;
    this.clock = clock;
    this.id = recordId('00D', new Dice(seed).between(100_000, 2_000_000_000));
    this.users = Array.from({ length: USER_COUNT }, (_, index) => recordId('005', index + 1));
    const tables = objectsOf(size).map((definition) => new Table(definition, seed, size));
    this.#tables = new Map(tables.map((table) => [table.definition.name.toLowerCase(), table]));
    this.#lives = tables.filter((table) => table.definition.lives).map((table) => new Life(table, seed, this.users));
  }

  /** All tables as they are now. */
  tables(): Table[] {
    this.#catchUp();
    return [...this.#tables.values()];
  }

  /** An object's table as it is now, whatever the case of the name. */
  table(object: string): Table | undefined {
    this.#catchUp();
    return this.#tables.get(object.toLowerCase());
  }

  /** Inserts a record and answers its id. Stamps that are given are kept, as the system's own would be. */
  insert(object: string, fields: OrgRecord): string {
    const table = this.#tableToWrite(object);
    const second = stamp(this.clock.now().getTime());
    const [user = null] = this.users;
    const audit = { CreatedDate: second, CreatedById: user, LastModifiedDate: second, LastModifiedById: user, SystemModstamp: second };
    return table.idOf(table.insert({ OwnerId: user, ...audit, ...fields }));
  }

  update(object: string, id: string, fields: OrgRecord): void {
    const table = this.#tableToWrite(object);
    const row = this.#rowToWrite(table, id);
    if (table.isDeleted(row)) throw new Error(`${object} ${id} is deleted.`);
    table.change(row.ordinal, { ...this.#stamps(), ...fields });
  }

  /** Puts a record into the recycle bin. */
  remove(object: string, id: string): void {
    const table = this.#tableToWrite(object);
    table.change(this.#rowToWrite(table, id).ordinal, { ...this.#stamps(), IsDeleted: true });
  }

  undelete(object: string, id: string): void {
    const table = this.#tableToWrite(object);
    table.change(this.#rowToWrite(table, id).ordinal, { ...this.#stamps(), IsDeleted: false });
  }

  /** Removes a record without a trace. */
  purge(object: string, id: string): void {
    const table = this.#tableToWrite(object);
    table.purge(this.#rowToWrite(table, id).ordinal);
  }

  /** Every record of an object, deleted ones too, made one by one as they are read. */
  *records(object: string): Generator<OrgRecord> {
    const table = this.table(object);
    if (!table) throw new Error(`There is no object ${object}.`);
    const names = table.definition.fields
      .filter(({ facts }) => facts.type !== 'address' && facts.type !== 'base64')
      .map(({ facts }) => facts.name);
    for (const row of table.rows()) yield Object.fromEntries(names.map((name) => [name, table.value(row, name)]));
  }

  #catchUp(): void {
    const now = this.clock.live();
    for (const life of this.#lives) life.liveUntil(now);
  }

  #stamps(): OrgRecord {
    const second = stamp(this.clock.now().getTime());
    return { SystemModstamp: second, LastModifiedDate: second, LastModifiedById: this.users[0] ?? null };
  }

  #tableToWrite(object: string): Table {
    const table = this.table(object);
    if (!table?.definition.lives) throw new Error(`Records of ${object} cannot be written.`);
    return table;
  }

  #rowToWrite(table: Table, id: string): Row {
    const row = table.find(id);
    if (!row) throw new Error(`There is no ${table.definition.name} ${id}.`);
    return row;
  }
}
