import pg from 'pg';

/** A password that rotates, for example the one that RDS manages. */
export interface PasswordSource {
  read(): Promise<string>;
  /** Discards a password that was refused, so that the next `read` fetches it again. */
  forget(): void;
}

/** Postgres's error code for a wrong password. */
const WRONG_PASSWORD = '28P01';

type Connected = (error: Error | undefined, client: pg.PoolClient | undefined, release: (error?: Error | boolean) => void) => void;

/** A pool that reads its password for each connection, and reads it again if it is refused, because it may have rotated since. */
export class PasswordPool extends pg.Pool {
  readonly #source: PasswordSource;

  constructor(config: pg.PoolConfig, source: PasswordSource) {
    super({ ...config, password: () => source.read() });
    this.#source = source;
  }

  override connect(): Promise<pg.PoolClient>;
  /** the overload that the pool's own `query` uses */
  override connect(callback: Connected): void;
  override connect(callback?: Connected): Promise<pg.PoolClient> | undefined {
    const connected = this.#connect();
    if (!callback) return connected;
    connected.then(
      (client) => callback(undefined, client, (error) => client.release(error)),
      (error: Error) => callback(error, undefined, () => {}),
    );
    return undefined;
  }

  async #connect(): Promise<pg.PoolClient> {
    try {
      return await super.connect();
    } catch (error) {
      if ((error as { code?: string }).code !== WRONG_PASSWORD) throw error;
      this.#source.forget();
      return await super.connect();
    }
  }
}
