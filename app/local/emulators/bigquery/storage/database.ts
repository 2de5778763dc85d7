import { type DuckDBConnection, DuckDBInstance, type DuckDBResult, type DuckDBValue } from '@duckdb/node-api';
import { macroStatements } from './macros.ts';

/** Changes that become visible atomically. */
export interface Transaction {
  connection: DuckDBConnection;
  /** Runs after the commit, to update what is also in memory. */
  afterCommit(work: () => void): void;
}

/** The emulator's DuckDB: table rows in schema `data`, resources of datasets, tables and jobs in schema `emulator`. */
export class Database {
  readonly #instance: DuckDBInstance;
  readonly #shiftMs: () => number;
  readonly #open = new Set<DuckDBConnection>();

  private constructor(instance: DuckDBInstance, shiftMs: () => number) {
    this.#instance = instance;
    this.#shiftMs = shiftMs;
  }

  /** Opens the file, or an in-memory database, with CURRENT_TIMESTAMP this far ahead of real time. */
  static async open(dataFile: string | undefined, shiftMs: () => number = () => 0): Promise<Database> {
    // Extensions would be downloaded from the network.
    const settings = { autoinstall_known_extensions: 'false', autoload_known_extensions: 'false' };
    const database = new Database(await DuckDBInstance.create(dataFile ?? ':memory:', settings), shiftMs);
    await database.withConnection(async (connection) => {
      for (const statement of [...SCHEMA, ...macroStatements]) await connection.run(statement);
    });
    return database;
  }

  /** A separate connection, because work on the same connection would share a transaction. */
  async withConnection<Result>(work: (connection: DuckDBConnection) => Promise<Result>): Promise<Result> {
    const connection = await this.#instance.connect();
    this.#open.add(connection);
    try {
      await connection.run(`SET TimeZone = 'UTC'; SET VARIABLE clock_shift_ms = ${this.#shiftMs()}`);
      return await work(connection);
    } finally {
      this.#open.delete(connection);
      connection.closeSync();
    }
  }

  /** Commits the changes of `work`, or none of them if it throws. */
  transaction<Result>(work: (transaction: Transaction) => Promise<Result>): Promise<Result> {
    return this.withConnection(async (connection) => {
      const afterCommit: (() => void)[] = [];
      await connection.run('BEGIN');
      try {
        const result = await work({ connection, afterCommit: (each) => void afterCommit.push(each) });
        await connection.run('COMMIT');
        for (const each of afterCommit) each();
        return result;
      } catch (error) {
        // A failed COMMIT has already rolled back.
        await connection.run('ROLLBACK').catch(() => undefined);
        throw error;
      }
    });
  }

  close(): void {
    for (const connection of this.#open) connection.closeSync();
    this.#instance.closeSync();
  }
}

const SCHEMA = [
  'CREATE SCHEMA IF NOT EXISTS data',
  'CREATE SCHEMA IF NOT EXISTS emulator',
  'CREATE TABLE IF NOT EXISTS emulator.resources (kind VARCHAR NOT NULL, key VARCHAR NOT NULL, content VARCHAR NOT NULL)',
];

/** Stores a resource under its kind and key, replacing any earlier one. */
export async function saveResource({ connection }: Transaction, kind: string, key: string, content: object): Promise<void> {
  await connection.run('DELETE FROM emulator.resources WHERE kind = $kind AND key = $key', { kind, key });
  await connection.run('INSERT INTO emulator.resources VALUES ($kind, $key, $content)', { kind, key, content: JSON.stringify(content) });
}

export async function deleteResource({ connection }: Transaction, kind: string, key: string): Promise<void> {
  await connection.run('DELETE FROM emulator.resources WHERE kind = $kind AND key = $key', { kind, key });
}

/** All resources of a kind, oldest first. */
export async function readResources<Content>(database: Database, kind: string): Promise<Content[]> {
  const rows = await database.withConnection((connection) =>
    queryRows(connection, `SELECT content FROM emulator.resources WHERE kind = '${kind}' ORDER BY rowid`),
  );
  return rows.map(([content]) => JSON.parse(String(content)) as Content);
}

export async function queryRows(connection: DuckDBConnection, sql: string): Promise<DuckDBValue[][]> {
  return (await connection.runAndReadAll(sql)).getRows();
}

/** The rows of a result, chunk by chunk. */
export async function* rowChunks(result: DuckDBResult): AsyncGenerator<DuckDBValue[][]> {
  for (;;) {
    const chunk = await result.fetchChunk();
    if (!chunk || chunk.rowCount === 0) return;
    yield chunk.getRows();
  }
}
