import { BIRTH, stamp } from '../objects/common-fields.ts';
import type { ObjectDefinition } from '../objects/object-definition.ts';
import { Dice, textSeed } from './dice.ts';
import type { Field, Value, World } from './field.ts';
import { recordId, recordNumber } from './record-id.ts';

/** What differs from the row that chance made. Never altered: a later change is a new one. */
export interface Change {
  readonly values: Readonly<Record<string, Value>>;
  /** Inserted from outside: fields that were not given are empty. */
  readonly blank: boolean;
  readonly purged: boolean;
}

/** A row at one moment. */
export interface Row {
  readonly ordinal: number;
  readonly change: Change | undefined;
}

interface KnownField {
  field: Field;
  seed: number;
}

/** Rows inserted from outside count from here, so that they do not move those that the org inserts by itself. */
const OUTSIDE = 1_000_000_000;
const UNCHANGED: Change = { values: {}, blank: false, purged: false };

/** The rows of one object: made by chance whenever they are read, with the changes laid over them. */
export class Table {
  readonly definition: ObjectDefinition;
  readonly base: number;
  /** When its description last changed. */
  describedAt = new Date(BIRTH);
  readonly #seed: number;
  readonly #world: World;
  #fields: Map<string, KnownField>;
  #changes = new Map<number, Change>();
  /** Whether a frozen table reads the same changes, so that the next one has to go elsewhere. */
  #shared = false;
  /** Rows that are deleted and not purged. */
  readonly #bin = new Set<number>();
  #born = 0;
  #inserted = 0;

  constructor(definition: ObjectDefinition, seed: number, world: World, fields?: Map<string, KnownField>) {
    this.definition = definition;
    this.base = definition.rows;
    this.#seed = seed;
    this.#world = world;
    this.#fields = fields ?? new Map(definition.fields.map((field) => [field.facts.name, this.#known(field)]));
  }

  /** The table as it is now, for a query whose pages are read later. It costs nothing until the next change. */
  frozen(world: World): Table {
    const table = new Table(this.definition, this.#seed, world, this.#fields);
    table.#changes = this.#changes;
    table.#born = this.#born;
    table.#inserted = this.#inserted;
    this.#shared = true;
    return table;
  }

  /** The fields that the connected user sees, in describe's order. */
  get fields(): Field[] {
    return [...this.#fields.values()].map(({ field }) => field).filter((field) => !field.hidden);
  }

  /** A field, seen or not, by the name that describe has for it. */
  field(name: string): Field | undefined {
    return this.#fields.get(name)?.field;
  }

  /** Adds a field, or puts one in the place of that which has its name. */
  putField(field: Field): void {
    this.#fields = new Map(this.#fields).set(field.facts.name, this.#known(field));
  }

  /** Gives a field another name, in its place and with its values. */
  renameField(before: string, name: string): void {
    const renamed = ({ field, seed }: KnownField): KnownField => ({ field: { ...field, facts: { ...field.facts, name } }, seed });
    const fields = [...this.#fields].map(([key, known]) => (key === before ? ([name, renamed(known)] as const) : ([key, known] as const)));
    this.#fields = new Map(fields);
    const withName = ([ordinal, change]: [number, Change]) =>
      [ordinal, { ...change, values: movedValue(change.values, before, name) }] as const;
    this.#changes = new Map([...this.#changes].map(withName));
    this.#shared = false;
  }

  /** Rows that were there at the start or that the org inserted by itself, deleted ones too. */
  get count(): number {
    return this.base + this.#born;
  }

  /** Every row that is not purged. */
  *rows(): Generator<Row> {
    const ranges = [
      [0, this.count],
      [OUTSIDE, OUTSIDE + this.#inserted],
    ] as const;
    for (const [from, to] of ranges) {
      for (let ordinal = from; ordinal < to; ordinal++) {
        const change = this.#changes.get(ordinal);
        if (!change?.purged) yield { ordinal, change };
      }
    }
  }

  row(ordinal: number): Row | undefined {
    const exists = (ordinal >= 0 && ordinal < this.count) || (ordinal >= OUTSIDE && ordinal < OUTSIDE + this.#inserted);
    const change = this.#changes.get(ordinal);
    return exists && !change?.purged ? { ordinal, change } : undefined;
  }

  /** The row with an id of 15 or 18 characters. */
  find(id: string): Row | undefined {
    const number = recordNumber(this.definition.keyPrefix ?? '000', id);
    return number === undefined ? undefined : this.row(number - 1);
  }

  idOf(ordinal: number): string {
    return recordId(this.definition.keyPrefix ?? '000', ordinal + 1);
  }

  value(row: Row, name: string): Value {
    const known = this.#fields.get(name);
    if (!known) throw new Error(`${this.definition.name} has no field ${name}.`);
    const value = this.#storedValue(row, name, known);
    return known.field.convert ? known.field.convert(value) : value;
  }

  #storedValue(row: Row, name: string, { field, seed }: KnownField): Value {
    const changed = row.change?.values[name];
    if (changed !== undefined) return changed;
    if (field.derive) return field.derive((other) => this.value(row, other), this.#world);
    if (field.facts.type === 'id') return this.idOf(row.ordinal);
    if (!field.make || row.change?.blank) return field.facts.type === 'boolean' ? false : null;
    return field.make(new Dice(this.#seed, seed, row.ordinal), (other) => this.value(row, other), row.ordinal);
  }

  /** Another value for a field of a row, made by the same chance with one more seed. */
  anotherValue(row: Row, name: string, edit: number): Value {
    const known = this.#fields.get(name);
    if (!known?.field.make) return null;
    return known.field.make(new Dice(this.#seed, known.seed, row.ordinal, edit), (other) => this.value(row, other), row.ordinal);
  }

  isDeleted(row: Row): boolean {
    return row.change?.values.IsDeleted === true;
  }

  /** Whether only queryAll finds the row: it is deleted, or an activity that was archived. */
  isOnlyForQueryAll(row: Row): boolean {
    return this.isDeleted(row) || (this.#fields.has('IsArchived') && this.value(row, 'IsArchived') === true);
  }

  /** Lays values over a row. */
  change(ordinal: number, values: Record<string, Value>): void {
    const before = this.#changes.get(ordinal) ?? UNCHANGED;
    this.#write(ordinal, { ...before, values: { ...before.values, ...this.#checked(values) } });
    if (values.IsDeleted === true) this.#bin.add(ordinal);
    if (values.IsDeleted === false) this.#bin.delete(ordinal);
  }

  /** Adds a row made by chance, except for these values; answers its ordinal. */
  bear(values: Record<string, Value>): number {
    const ordinal = this.count;
    this.#born++;
    this.change(ordinal, values);
    return ordinal;
  }

  /** Adds a row that has these values and no others; answers its ordinal. */
  insert(values: Record<string, Value>): number {
    const checked = this.#checked(values);
    const ordinal = OUTSIDE + this.#inserted++;
    this.#write(ordinal, { values: checked, blank: true, purged: false });
    return ordinal;
  }

  /** Removes a row; what is kept of it is the second of its deletion, for the log of deletions. */
  purge(ordinal: number, second: string): void {
    const row = this.row(ordinal);
    const deleted = row && this.isDeleted(row) ? this.value(row, 'SystemModstamp') : second;
    this.#write(ordinal, { ...UNCHANGED, purged: true, values: { SystemModstamp: deleted } });
    this.#bin.delete(ordinal);
  }

  /** Empties the recycle bin of what was deleted before an instant. */
  purgeDeletedBefore(instant: string): void {
    for (const ordinal of this.#bin) {
      const deleted = this.#changes.get(ordinal)?.values.SystemModstamp;
      if (typeof deleted === 'string' && deleted < instant) this.purge(ordinal, instant);
    }
  }

  /** What the log of deletions has: rows in the recycle bin, and those that are purged. */
  *deletions(): Generator<{ id: string; deleted: string }> {
    for (const [ordinal, { values, purged }] of this.#changes) {
      const deleted = values.SystemModstamp;
      if ((purged || values.IsDeleted === true) && typeof deleted === 'string') yield { id: this.idOf(ordinal), deleted };
    }
  }

  #known(field: Field): KnownField {
    return { field, seed: textSeed(`${this.definition.name}.${field.facts.name}`) };
  }

  #write(ordinal: number, change: Change): void {
    if (this.#shared) this.#changes = new Map(this.#changes);
    this.#shared = false;
    this.#changes.set(ordinal, change);
  }

  /** Salesforce keeps no empty strings, and stamps to the second. */
  #checked(values: Record<string, Value>): Record<string, Value> {
    return Object.fromEntries(
      Object.entries(values).map(([name, value]) => {
        const facts = this.#fields.get(name)?.field.facts;
        if (!facts || facts.type === 'address' || facts.type === 'location' || name === 'Id')
          throw new Error(`${this.definition.name}.${name} cannot be written.`);
        if (value === '') return [name, null];
        return [name, facts.type === 'datetime' && typeof value === 'string' ? stamp(Date.parse(value)) : value];
      }),
    );
  }
}

function movedValue(values: Change['values'], before: string, name: string): Change['values'] {
  const { [before]: value, ...others } = values;
  return value === undefined ? values : { ...others, [name]: value };
}
