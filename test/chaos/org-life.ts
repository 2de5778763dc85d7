import type { Dice } from '../../app/local/emulators/salesforce/org/dice.ts';
import type { FieldChange } from '../../app/local/emulators/salesforce/org/field-change.ts';
import type { OrgRecord } from '../../app/local/emulators/salesforce/org/org.ts';
import type { World } from './world.ts';

/** Text that a CSV must quote. */
const HARD = ['a "quoted" word', 'two\nlines', 'a, comma', 'Maße – Łukasz', ' blanks ', '\\N', "it's", ''];

const MINUTE_MS = 60_000;

/** Changes the org, beside what it does by itself: records, and which fields its user sees. */
export class OrgLife {
  /** the records that left no trace a window could notice */
  readonly purged = new Set<string>();
  /** fields that were added, hidden or shown, as `Account.Fax`: their values change without a stamp */
  readonly changedFields = new Set<string>();
  readonly #hidden = new Map<string, string>();
  readonly #world: World;
  readonly #dice: Dice;

  constructor(world: World, dice: Dice) {
    this.#world = world;
    this.#dice = dice;
  }

  /** Moves the clock by half an hour or so, to five minutes or more after a quarter of an hour: by then, its windows can be read. */
  passTime(): void {
    const { clock } = this.#world.salesforce;
    const quarter = 15 * MINUTE_MS;
    const start = Math.floor(clock.now().getTime() / quarter) * quarter;
    clock.set(new Date(start + this.#dice.between(1, 3) * quarter + this.#dice.between(5 * 60, 14 * 60) * 1000));
  }

  /** Changes some records of an object, if they can be deleted: those of users cannot. */
  change(object: string): void {
    if (!this.#world.salesforce.org.table(object)!.field('IsDeleted')) return;
    for (let left = this.#dice.between(1, 5); left > 0; left--) this.#changeOne(object);
  }

  /** Adds a field, or hides one from the user until the next call. */
  changeField(object: string): void {
    const { org } = this.#world.salesforce;
    const hidden = this.#hidden.get(object);
    const fieldsToHide = this.#fieldsToHide(object);
    const change: FieldChange = hidden
      ? { change: 'show', field: hidden }
      : fieldsToHide.length === 0 || this.#dice.onceIn(2)
        ? { change: 'add', field: `Added${this.changedFields.size}__c`, type: 'string', value: this.#dice.pick(HARD) || null }
        : { change: 'hide', field: this.#dice.pick(fieldsToHide) };
    org.changeField(object, change);
    this.changedFields.add(`${object}.${change.field}`);
    if (change.change === 'hide') this.#hidden.set(object, change.field);
    else this.#hidden.delete(object);
  }

  /** Shows every field again. */
  showAll(): void {
    for (const [object, field] of this.#hidden) this.#world.salesforce.org.changeField(object, { change: 'show', field });
    this.#hidden.clear();
  }

  #fieldsToHide(object: string): string[] {
    const facts = this.#world.salesforce.org.table(object)!.fields.map((field) => field.facts);
    return facts.filter(({ type, permissionable }) => permissionable && type === 'string').map(({ name }) => name);
  }

  #changeOne(object: string): void {
    const { org } = this.#world.salesforce;
    const records = [...org.records(object)];
    const [live, bin] = [records.filter(({ IsDeleted }) => !IsDeleted), records.filter(({ IsDeleted }) => IsDeleted)];
    const field = this.#dice.pick(this.#textFields(object));
    const values = { [field]: `${this.#dice.pick(HARD)} ${this.#dice.between(1, 999)}` };
    const throwOf = this.#dice.between(1, 100);
    const idOf = (from: readonly OrgRecord[]): string => String(this.#dice.pick(from).Id);
    if (throwOf <= 25 || live.length < 5) org.insert(object, values);
    else if (throwOf <= 75) org.update(object, idOf(live), values);
    else if (throwOf <= 88) org.remove(object, idOf(live));
    else if (throwOf <= 95 && bin.length > 0) org.undelete(object, idOf(bin));
    else if (throwOf <= 97 && object === 'Account') this.#merge(live);
    else this.#purge(object, idOf(records));
  }

  #purge(object: string, id: string): void {
    this.#world.salesforce.org.purge(object, id);
    this.purged.add(id);
  }

  #merge(live: readonly OrgRecord[]): void {
    const [master, loser] = [this.#dice.pick(live), this.#dice.pick(live)];
    if (master !== loser) this.#world.salesforce.org.merge('Account', String(master.Id), String(loser.Id));
  }

  #textFields(object: string): string[] {
    const fields = this.#world.salesforce.org.table(object)!.fields.map(({ facts }) => facts);
    return fields.filter(({ type, updateable }) => updateable && (type === 'string' || type === 'textarea')).map(({ name }) => name);
  }
}
