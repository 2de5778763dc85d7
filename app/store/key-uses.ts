import type pg from 'pg';

/** When each API key was used last, by all processes. In memory between two writes, so that no request waits for it. */
export class KeyUses {
  readonly #database: pg.Pool;
  #unsaved = new Map<string, Date>();

  constructor(database: pg.Pool) {
    this.#database = database;
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

  /** When keys were used last, by their names. */
  async read(): Promise<Map<string, Date>> {
    await this.write();
    const { rows } = await this.#database.query<{ name: string; used_at: Date }>('SELECT name, used_at FROM key_uses');
    return new Map(rows.map(({ name, used_at }) => [name, used_at]));
  }
}
