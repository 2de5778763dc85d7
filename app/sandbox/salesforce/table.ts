import { stamp } from './common-fields.ts';
import { Dice, textSeed } from './dice.ts';
import type { Field, Value } from './field.ts';
import type { ObjectDefinition } from './object-definition.ts';
import { recordId, recordNumber } from './record-id.ts';

/** What differs from the row that chance made. Never altered: a later change is a new one, so that a kept one is a snapshot. */
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

/** Rows inserted from outside count from here, so that they do not move those that the org inserts by itself. */
const OUTSIDE = 1_000_000_000;
const UNCHANGED: Change = { values: {}, blank: false, purged: false };

/** The rows of one object: made by chance whenever they are read, with the changes laid over them. */
export class Table {
  readonly definition: ObjectDefinition;
  readonly base: number;
  readonly #seed: number;
  readonly #fields: Map<string, { field: Field; seed: number }>;
  readonly #changes = new Map<number, Change>();
  #born = 0;
  #inserted = 0;

  constructor(definition: ObjectDefinition, seed: number, size: number) {
    this.definition = definition;
    this.base = definition.rows(size);
    this.#seed = seed;
    this.#fields = new Map(
      definition.fields.map((field) => [field.facts.name, { field, seed: textSeed(`${definition.name}.${field.facts.name}`) }]),
    );
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
    const { field, seed } = known;
    const changed = row.change?.values[name];
    if (changed !== undefined) return changed;
    if (field.derive) return field.derive((other) => this.value(row, other));
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

  /** Lays values over a row. */
  change(ordinal: number, values: Record<string, Value>): void {
    const before = this.#changes.get(ordinal) ?? UNCHANGED;
    this.#changes.set(ordinal, { ...before, values: { ...before.values, ...this.#checked(values) } });
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
    this.#changes.set(ordinal, { values: checked, blank: true, purged: false });
    return ordinal;
  }

  purge(ordinal: number): void {
    this.#changes.set(ordinal, { ...UNCHANGED, purged: true });
  }

  /** Salesforce keeps no empty strings, and stamps to the second. */
  #checked(values: Record<string, Value>): Record<string, Value> {
    return Object.fromEntries(
      Object.entries(values).map(([name, value]) => {
        const facts = this.#fields.get(name)?.field.facts;
        if (!facts || facts.type === 'address' || name === 'Id') throw new Error(`${this.definition.name}.${name} cannot be written.`);
        if (value === '') return [name, null];
        return [name, facts.type === 'datetime' && typeof value === 'string' ? stamp(Date.parse(value)) : value];
      }),
    );
  }
}
