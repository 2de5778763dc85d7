import pg from 'pg';

/** A password that changes now and then, such as RDS's. */
export interface PasswordSource {
  read(): Promise<string>;
  /** The one that was read last is refused: the next is to be asked for anew. */
  forget(): void;
}

/** Postgres's code for a wrong password. */
const WRONG_PASSWORD = '28P01';

type Connected = (error: Error | undefined, client: pg.PoolClient | undefined, release: (error?: Error | boolean) => void) => void;

/** A pool that asks for its password at each connection, and once more where it is refused: it may have changed since it was read. */
export class PasswordPool extends pg.Pool {
  readonly #source: PasswordSource;

  constructor(config: pg.PoolConfig, source: PasswordSource) {
    super({ ...config, password: () => source.read() });
    this.#source = source;
  }

  override connect(): Promise<pg.PoolClient>;
  /** as the pool's own `query` calls it */
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
