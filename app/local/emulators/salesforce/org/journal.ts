import { appendFileSync, readFileSync, truncateSync } from 'node:fs';
import { StartError } from '../../start-error.ts';
import type { Clock, ClockState } from '../clock.ts';
import type { GrantsState } from '../oauth/grants.ts';
import type { Org } from './org.ts';

/** Changes of an org from outside. */
const CHANGES = ['insert', 'update', 'remove', 'undelete', 'purge', 'emptyBin', 'merge', 'changeField', 'changeAccess'] as const;
type ChangeName = (typeof CHANGES)[number];

type Entry =
  /** the clock's state, and the time when it was written */
  | { at: string; clock: ClockState }
  /** all grants; replaces earlier ones */
  | { at: string; grants: GrantsState }
  /** a change of the org: a method name and its arguments */
  | { at: string; change: ChangeName; arguments: unknown[] };

/**
 * Stores what does not follow from the seed, one line each in a file: the clock's state, the OAuth grants, and changes of the org
 * from outside. What the org does by itself follows from seed and clock. Without a file nothing is stored.
 */
export class Journal {
  readonly #file: string | undefined;
  readonly #org: Org;
  readonly #clock: Clock;
  #recordedGrants = '';

  constructor(file: string | undefined, org: Org, clock: Clock) {
    this.#file = file;
    this.#org = org;
    this.#clock = clock;
  }

  /** Restores clock and org from the file. @returns the grants, if any were stored. @throws StartError */
  replay(): GrantsState | undefined {
    let grants: GrantsState | undefined;
    for (const [index, line] of this.#read().entries()) {
      try {
        const entry = JSON.parse(line) as Entry;
        if ('clock' in entry) this.#clock.restore(entry.clock, new Date(entry.at));
        else if ('grants' in entry) grants = entry.grants;
        else this.#apply(new Date(entry.at), entry.change, entry.arguments);
      } catch (cause) {
        throw new StartError(`Line ${index + 1} of ${this.#file} is damaged: remove it, or start with another folder by --data.`, {
          cause,
        });
      }
    }
    return grants;
  }

  /** Makes a change, and stores it if it succeeds. */
  change<Name extends ChangeName>(name: Name, ...args: Parameters<Org[Name]>): ReturnType<Org[Name]> {
    const at = this.#clock.now();
    const result = this.#apply(at, name, args);
    this.#append({ at: at.toISOString(), change: name, arguments: args });
    return result as ReturnType<Org[Name]>;
  }

  recordClock(): void {
    this.#append({ at: this.#clock.now().toISOString(), clock: this.#clock.state });
  }

  /** Stores the grants if they differ from the ones stored last. */
  recordGrants(grants: GrantsState): void {
    const text = JSON.stringify(grants);
    if (text !== this.#recordedGrants) this.#append({ at: this.#clock.now().toISOString(), grants });
    this.#recordedGrants = text;
  }

  /** Runs at one fixed instant, so that a replay stamps the same seconds. */
  #apply(at: Date, name: ChangeName, args: unknown[]): unknown {
    const change = this.#org[name] as (...args: unknown[]) => unknown;
    return this.#clock.at(at, () => change.apply(this.#org, args));
  }

  #append(entry: Entry): void {
    if (this.#file !== undefined) appendFileSync(this.#file, `${JSON.stringify(entry)}\n`, { mode: 0o600 });
  }

  #read(): string[] {
    if (this.#file === undefined) return [];
    const text = readIfExists(this.#file);
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    // The last line may be incomplete after a crash.
    if (whole !== text) truncateSync(this.#file, Buffer.byteLength(whole));
    return whole.split('\n').filter((line) => line !== '');
  }
}

function readIfExists(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
