import { setTimeout as sleep } from 'node:timers/promises';
import { type DuckDBConnection, DuckDBInstance, type DuckDBResult, type DuckDBValue } from '@duckdb/node-api';
import { macroStatements } from './macros.ts';

/** Changes that become visible atomically. */
export interface Transaction {
  connection: DuckDBConnection;
  /** Whether a later process opens the same file: otherwise resources are in memory alone. */
  outlivesProcess: boolean;
  /** Runs after the commit, to update what is also in memory. */
  afterCommit(work: () => void): void;
}

/** The emulator's DuckDB: table rows in schema `data`, resources of datasets, tables and jobs in schema `emulator`. */
export class Database {
  readonly #instance: DuckDBInstance;
  readonly #isFile: boolean;
  readonly #shiftMs: () => number;
  /** All connections, each with the clock's shift that it was set to. */
  readonly #open = new Map<DuckDBConnection, number>();
  /** Connections to use again: opening one costs as much as a small query. */
  readonly #idle: DuckDBConnection[] = [];
  /** Work that has not ended: DuckDB crashes the process if a connection is closed while a statement runs on it. */
  readonly #working = new Set<Promise<unknown>>();

  private constructor(instance: DuckDBInstance, isFile: boolean, shiftMs: () => number) {
    this.#instance = instance;
    this.#isFile = isFile;
    this.#shiftMs = shiftMs;
  }

  /** Opens the file, or an in-memory database, with CURRENT_TIMESTAMP this far ahead of real time. */
  static async open(dataFile: string | undefined, shiftMs: () => number = () => 0): Promise<Database> {
    // Extensions would be downloaded from the network.
    const settings = { autoinstall_known_extensions: 'false', autoload_known_extensions: 'false' };
    // Tables in memory are small: planning a statement costs more than running it, and threads cost more than they save.
    const small =
      dataFile === undefined
        ? { threads: '1', disabled_optimizers: 'common_subexpressions,expression_rewriter,statistics_propagation' }
        : {};
    const instance = await DuckDBInstance.create(dataFile ?? ':memory:', { ...settings, ...small });
    const database = new Database(instance, dataFile !== undefined, shiftMs);
    await database.withConnection(async (connection) => {
      await connection.run([...SCHEMA, ...macroStatements].join(';'));
    });
    return database;
  }

  /** A separate connection, because work on the same connection would share a transaction. */
  async withConnection<Result>(work: (connection: DuckDBConnection) => Promise<Result>): Promise<Result> {
    const working = this.#work(work);
    this.#working.add(working);
    try {
      return await working;
    } finally {
      this.#working.delete(working);
    }
  }

  async #work<Result>(work: (connection: DuckDBConnection) => Promise<Result>): Promise<Result> {
    const connection = this.#idle.pop() ?? (await this.#connect());
    await this.#setClock(connection);
    const result = await work(connection);
    // A statement of work that failed may still run on its connection: that is not used again, and not closed before the database is.
    this.#idle.push(connection);
    return result;
  }

  async #connect(): Promise<DuckDBConnection> {
    const connection = await this.#instance.connect();
    this.#open.set(connection, 0);
    await connection.run(`SET TimeZone = 'UTC'`);
    return connection;
  }

  async #setClock(connection: DuckDBConnection): Promise<void> {
    const shiftMs = this.#shiftMs();
    if (this.#open.get(connection) === shiftMs) return;
    await connection.run(`SET VARIABLE clock_shift_ms = ${shiftMs}`);
    this.#open.set(connection, shiftMs);
  }

  /** Commits the changes of `work`, or none of them if it throws. */
  transaction<Result>(work: (transaction: Transaction) => Promise<Result>): Promise<Result> {
    return this.withConnection(async (connection) => {
      const afterCommit: (() => void)[] = [];
      await connection.run('BEGIN');
      try {
        const result = await work({
          connection,
          outlivesProcess: this.#isFile,
          afterCommit: (each) => void afterCommit.push(each),
        });
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

  /** Waits for work in progress, because a request may have been cut off. */
  async close(): Promise<void> {
    await Promise.race([Promise.allSettled(this.#working), sleep(MAX_CLOSE_MS, undefined, { ref: false })]);
    if (this.#working.size > 0) return;
    for (const connection of this.#open.keys()) connection.closeSync();
    this.#instance.closeSync();
  }
}

/** How long closing waits for work in progress. */
const MAX_CLOSE_MS = 10_000;

const SCHEMA = [
  'CREATE SCHEMA IF NOT EXISTS data',
  'CREATE SCHEMA IF NOT EXISTS emulator',
  'CREATE TABLE IF NOT EXISTS emulator.resources (kind VARCHAR NOT NULL, key VARCHAR NOT NULL, content VARCHAR NOT NULL)',
];

/** Stores a resource under its kind and key, replacing any earlier one. */
export async function saveResource(transaction: Transaction, kind: string, key: string, content: object): Promise<void> {
  const { connection, outlivesProcess } = transaction;
  if (!outlivesProcess) return;
  await connection.run('DELETE FROM emulator.resources WHERE kind = $kind AND key = $key', { kind, key });
  await connection.run('INSERT INTO emulator.resources VALUES ($kind, $key, $content)', { kind, key, content: JSON.stringify(content) });
}

export async function deleteResource({ connection, outlivesProcess }: Transaction, kind: string, key: string): Promise<void> {
  if (!outlivesProcess) return;
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
