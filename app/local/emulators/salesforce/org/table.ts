import { ACTIVITY_START, toTimestamp } from '../objects/common-fields.ts';
import type { ObjectDefinition } from '../objects/object-definition.ts';
import { Dice, textSeed } from './dice.ts';
import type { Field, Value, World } from './field.ts';
import { recordId, recordNumber } from './record-id.ts';

/** How a row differs from its generated form. Immutable: a later change creates a new one. */
export interface Change {
  readonly values: Readonly<Record<string, Value>>;
  /** Inserted from outside: fields without a value are empty. */
  readonly blank: boolean;
  readonly purged: boolean;
  /** Not shared with the connected user: no query returns it. */
  readonly hidden?: boolean;
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

/** Rows inserted from outside have ordinals from here on, so that they do not shift those that the org inserts by itself. */
const OUTSIDE = 1_000_000_000;
const UNCHANGED: Change = { values: {}, blank: false, purged: false };

/** The rows of one object: generated from the seed whenever they are read, with the changes applied. */
export class Table {
  readonly definition: ObjectDefinition;
  readonly base: number;
  /** Whether the connected user has no access to the object. */
  hidden = false;
  /** When the object's describe last changed. */
  describedAt = new Date(ACTIVITY_START);
  readonly #seed: number;
  readonly #world: World;
  #fields: Map<string, KnownField>;
  #changes = new Map<number, Change>();
  /** Whether a snapshot shares the changes, so that the next change must copy them first. */
  #shared = false;
  /** Rows that are deleted but not purged. */
  readonly #bin = new Set<number>();
  #generated = 0;
  #inserted = 0;

  constructor(definition: ObjectDefinition, seed: number, world: World, fields?: Map<string, KnownField>) {
    this.definition = definition;
    this.base = definition.rows;
    this.#seed = seed;
    this.#world = world;
    this.#fields = fields ?? new Map(definition.fields.map((field) => [field.facts.name, this.#known(field)]));
  }

  /** A snapshot of the table, for a query whose pages are read later. Copied only on the next change. */
  freeze(world: World): Table {
    const table = new Table(this.definition, this.#seed, world, this.#fields);
    table.#changes = this.#changes;
    table.#generated = this.#generated;
    table.#inserted = this.#inserted;
    table.hidden = this.hidden;
    this.#shared = true;
    return table;
  }

  /** The fields that the connected user can see, in describe's order. */
  get fields(): Field[] {
    return [...this.#fields.values()].map(({ field }) => field).filter((field) => !field.hidden);
  }

  /** A field, visible or not, by its describe name. */
  field(name: string): Field | undefined {
    return this.#fields.get(name)?.field;
  }

  /** Adds a field, or replaces the one with the same name. */
  putField(field: Field): void {
    this.#fields = new Map(this.#fields).set(field.facts.name, this.#known(field));
  }

  /** Renames a field and keeps its position and values. */
  renameField(before: string, name: string): void {
    const renamed = ({ field, seed }: KnownField): KnownField => ({ field: { ...field, facts: { ...field.facts, name } }, seed });
    const fields = [...this.#fields].map(([key, known]) => (key === before ? ([name, renamed(known)] as const) : ([key, known] as const)));
    this.#fields = new Map(fields);
    const withName = ([ordinal, change]: [number, Change]) =>
      [ordinal, { ...change, values: movedValue(change.values, before, name) }] as const;
    this.#changes = new Map([...this.#changes].map(withName));
    this.#shared = false;
  }

  /** Initial rows and those that the org inserted by itself, including deleted ones. */
  get count(): number {
    return this.base + this.#generated;
  }

  /** Every row that the connected user can see and that is not purged. */
  *rows(): Generator<Row> {
    const ranges = [
      [0, this.count],
      [OUTSIDE, OUTSIDE + this.#inserted],
    ] as const;
    for (const [from, to] of ranges) {
      for (let ordinal = from; ordinal < to; ordinal++) {
        const change = this.#changes.get(ordinal);
        if (!change?.purged && !change?.hidden) yield { ordinal, change };
      }
    }
  }

  row(ordinal: number): Row | undefined {
    const change = this.#changes.get(ordinal);
    return this.#isOrdinal(ordinal) && !change?.purged && !change?.hidden ? { ordinal, change } : undefined;
  }

  /** The row with an id of 15 or 18 characters. */
  find(id: string): Row | undefined {
    const ordinal = this.#ordinalOf(id);
    return ordinal === undefined ? undefined : this.row(ordinal);
  }

  #ordinalOf(id: string): number | undefined {
    const number = recordNumber(this.definition.keyPrefix ?? '000', id);
    return number === undefined ? undefined : number - 1;
  }

  #isOrdinal(ordinal: number): boolean {
    return (ordinal >= 0 && ordinal < this.count) || (ordinal >= OUTSIDE && ordinal < OUTSIDE + this.#inserted);
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

  /** Another generated value for a field of a row, with one more seed. */
  generateValue(row: Row, name: string, edit: number): Value {
    const known = this.#fields.get(name);
    if (!known?.field.make) return null;
    return known.field.make(new Dice(this.#seed, known.seed, row.ordinal, edit), (other) => this.value(row, other), row.ordinal);
  }

  isDeleted(row: Row): boolean {
    return row.change?.values.IsDeleted === true;
  }

  /** Whether only queryAll returns the row: it is deleted, or an archived activity. */
  isOnlyForQueryAll(row: Row): boolean {
    return this.isDeleted(row) || (this.#fields.has('IsArchived') && this.value(row, 'IsArchived') === true);
  }

  /** Applies values to a row. */
  change(ordinal: number, values: Record<string, Value>): void {
    const before = this.#changes.get(ordinal) ?? UNCHANGED;
    this.#write(ordinal, { ...before, values: { ...before.values, ...this.#checked(values) } });
    if (values.IsDeleted === true) this.#bin.add(ordinal);
    if (values.IsDeleted === false) this.#bin.delete(ordinal);
  }

  /** Moves a row to the recycle bin. `second` is the deletion, which objects without a stamp do not show otherwise. */
  moveToBin(ordinal: number, stamps: Record<string, Value>, second: string): void {
    this.change(ordinal, { ...stamps, IsDeleted: true });
    const changed = this.#changes.get(ordinal) ?? UNCHANGED;
    if (!this.field('SystemModstamp')) this.#write(ordinal, { ...changed, values: { ...changed.values, SystemModstamp: second } });
  }

  /** Hides a row from the connected user, or shows it again: no stamp moves. @returns whether there is such a row */
  hideRow(id: string, hidden: boolean): boolean {
    const ordinal = this.#ordinalOf(id);
    const before = ordinal === undefined ? undefined : (this.#changes.get(ordinal) ?? UNCHANGED);
    if (ordinal === undefined || !before || before.purged || !this.#isOrdinal(ordinal)) return false;
    this.#write(ordinal, { ...before, hidden });
    return true;
  }

  /** Adds a generated row with these values overridden; returns its ordinal. */
  insertGenerated(values: Record<string, Value>): number {
    const ordinal = this.count;
    this.#generated++;
    this.change(ordinal, values);
    return ordinal;
  }

  /** Adds a row that has only these values; returns its ordinal. */
  insert(values: Record<string, Value>): number {
    const checked = this.#checked(values);
    const ordinal = OUTSIDE + this.#inserted++;
    this.#write(ordinal, { values: checked, blank: true, purged: false });
    return ordinal;
  }

  /** Removes a row and keeps only the second of its deletion, for the log of deletions. */
  purge(ordinal: number, second: string): void {
    const row = this.row(ordinal);
    const deleted = (row && this.isDeleted(row) && row.change?.values.SystemModstamp) || second;
    this.#write(ordinal, { ...UNCHANGED, purged: true, values: { SystemModstamp: deleted } });
    this.#bin.delete(ordinal);
  }

  /** Purges what was deleted before an instant from the recycle bin; without one, everything. `second` is the purge. */
  emptyBin(second: string, before?: string): void {
    for (const ordinal of this.#bin) {
      const deleted = this.#changes.get(ordinal)?.values.SystemModstamp;
      if (before === undefined || (typeof deleted === 'string' && deleted < before)) this.purge(ordinal, second);
    }
  }

  /** The log of deletions: rows in the recycle bin and purged ones. */
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

  /** Salesforce stores no empty strings, and stamps to the second. */
  #checked(values: Record<string, Value>): Record<string, Value> {
    return Object.fromEntries(
      Object.entries(values).map(([name, value]) => {
        const facts = this.#fields.get(name)?.field.facts;
        if (!facts || facts.type === 'address' || facts.type === 'location' || name === 'Id')
          throw new Error(`${this.definition.name}.${name} cannot be written.`);
        if (value === '') return [name, null];
        return [name, facts.type === 'datetime' && typeof value === 'string' ? toTimestamp(Date.parse(value)) : value];
      }),
    );
  }
}

function movedValue(values: Change['values'], before: string, name: string): Change['values'] {
  const { [before]: value, ...others } = values;
  return value === undefined ? values : { ...others, [name]: value };
}
