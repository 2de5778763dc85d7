import type pg from 'pg';

/** When each API key was used last, by all processes. In memory between two writes, so that no request waits for it. */
export class KeyUses {
  readonly #database: pg.Pool;
  readonly #onError: (error: unknown) => void;
  #unsaved = new Map<string, Date>();

  /** @param onError called if a read could not store what was noted; it is kept for the next write */
  constructor(database: pg.Pool, onError: (error: unknown) => void) {
    this.#database = database;
    this.#onError = onError;
  }

  /** Notes that a key is used now. */
  note(name: string): void {
    this.#unsaved.set(name, new Date());
  }

  /** Stores what was noted. Those that cannot be stored wait for the next time. */
  async write(): Promise<void> {
    const unsaved = this.#unsaved;
    if (unsaved.size === 0) return;
    this.#unsaved = new Map();
    try {
      await this.#database.query(
        `INSERT INTO key_uses (name, used_at) SELECT * FROM unnest($1::text[], $2::timestamptz[]) ORDER BY 1
         ON CONFLICT (name) DO UPDATE SET used_at = greatest(key_uses.used_at, excluded.used_at)`,
        [[...unsaved.keys()], [...unsaved.values()]],
      );
    } catch (error) {
      this.#unsaved = new Map([...unsaved, ...this.#unsaved]);
      throw error;
    }
  }

  /** When keys were used last, by their names: also by what could not be stored. */
  async read(): Promise<Map<string, Date>> {
    await this.write().catch(this.#onError);
    const { rows } = await this.#database.query<{ name: string; used_at: Date }>('SELECT name, used_at FROM key_uses');
    return new Map([...rows.map(({ name, used_at }) => [name, used_at] as const), ...this.#unsaved]);
  }
}
