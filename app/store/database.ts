import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { AppError, externalErrorCode } from '../errors.ts';
import { PasswordPool, type PasswordSource } from './password-pool.ts';

/** The pool, or a client inside a transaction. */
export type Queryable = Pick<pg.Pool, 'query'>;

/** Where a function runs its transaction: in one of its own, or, given a client, in that of its caller. */
export type PoolOrClient = pg.Pool | pg.PoolClient;

const INT8 = 20;

// Otherwise pg writes a Date in the process's time zone with an offset in whole minutes, which is wrong before standard time existed.
pg.defaults.parseInputDatesAsUTC = true;

/** The address of the job store: a URL, or its parts with a password that is read for each connection, over verified TLS. */
export type DatabaseAddress =
  | { url: string }
  | { host: string; port: number; database: string; user: string; password: PasswordSource; certificates: string };

/** Timeout of a statement, in milliseconds: a stalled server must not hang requests. */
const STATEMENT_MS = 30_000;

/**
 * Opens the job store's connection pool. Its `query` throws AppError store_unavailable. Parses bigint as number: none of our counts exceeds
 * 2^53.
 */
export function openDatabase(address: DatabaseAddress, onError: (error: Error) => void, statementMs = STATEMENT_MS): pg.Pool {
  const config: pg.PoolConfig = {
    max: 10,
    connectionTimeoutMillis: 10_000,
    query_timeout: statementMs,
    keepAlive: true,
    application_name: 'salesforce-bigquery-sync',
    types: {
      getTypeParser: ((oid: number, format?: 'text') =>
        oid === INT8 ? Number : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
    },
  };
  const pool = 'url' in address ? new pg.Pool({ ...config, connectionString: address.url }) : openByParts(config, address);
  // An idle client lost its server. The pool replaces it, but without a listener the error would end the process.
  pool.on('error', onError);
  const query = pool.query.bind(pool) as (...parameters: unknown[]) => Promise<unknown>;
  pool.query = ((...parameters: unknown[]) =>
    query(...parameters).catch((error: unknown) => {
      throw translateStoreError(error);
    })) as typeof pool.query;
  return pool;
}

/**
 * Postgres's transient error codes: class 08 (connection), class 53 (resources), 57P01 to 57P03 (shutting down, crashed, starting), 25006
 * (a standby, during a failover), 40001 and 40P01 (serialization failure, deadlock).
 */
const UNAVAILABLE_CODE = /^(08|53)...$|^(57P0[123]|25006|40001|40P01)$/;

/** Node's error codes for an unreachable server. */
const UNREACHABLE = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN']);

/** pg's own errors have no code. */
const UNAVAILABLE_TEXT =
  /^Connection terminated|^Query read timeout|^timeout exceeded when trying to connect|is not queryable$|^Cannot use a pool after/;

const isTimeout = (error: unknown): boolean => Error.isError(error) && (error as Error).message === 'Query read timeout';

/** Translates an error of an unavailable job store into AppError store_unavailable; returns any other error unchanged. */
function translateStoreError(error: unknown): unknown {
  const code = externalErrorCode(error);
  const text = Error.isError(error) ? (error as Error).message : '';
  if (code ? !UNAVAILABLE_CODE.test(code) && !UNREACHABLE.has(code) : !UNAVAILABLE_TEXT.test(text)) return error;
  if (isTimeout(error)) {
    return new AppError('store_unavailable', 'The job store did not respond in time. Try again in a moment.', { cause: error });
  }
  return new AppError('store_unavailable', `The job store is unavailable${code ? ` (${code})` : ''}. Try again in a moment.`, {
    cause: error,
  });
}

function openByParts(config: pg.PoolConfig, address: Exclude<DatabaseAddress, { url: string }>): pg.Pool {
  const { certificates, password, ...parts } = address;
  return new PasswordPool({ ...config, ...parts, ssl: { ca: certificates, rejectUnauthorized: true } }, password);
}

/** Postgres's code for the transaction that it rolls back when several wait for each other. */
const DEADLOCK = '40P01';

const MAX_TRIES = 5;

/** A transaction that is repeated at once may take the lock that the other one waits for, and deadlock with it again. */
const MAX_PAUSE_MS = 50;

/**
 * Runs `work` in one transaction; any error rolls it back. Repeats it if a deadlock rolled it back, so it must change only the database.
 * @param database a client: `work` joins its transaction, which any error must roll back
 * @throws AppError store_unavailable
 */
export async function transaction<T>(database: PoolOrClient, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  if ('release' in database) return await work(database);
  for (let tryNumber = 1; ; tryNumber++) {
    try {
      return await runTransaction(database, work);
    } catch (error) {
      if (externalErrorCode(error) !== DEADLOCK || tryNumber === MAX_TRIES) throw translateStoreError(error);
      await sleep(Math.random() * MAX_PAUSE_MS * tryNumber);
    }
  }
}

async function runTransaction<T>(database: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await database.connect();
  let broken: Error | undefined;
  // If the connection breaks between two statements, the error would end the process without a listener.
  const noteBroken = (error: Error): void => {
    broken = error;
  };
  client.on('error', noteBroken);
  try {
    await client.query('BEGIN');
    const result = await work(client);
    await client.query('COMMIT');
    return result;
  } catch (error) {
    // A client that cannot roll back, or whose statement may still run, must not return to the pool.
    if (isTimeout(error)) broken = error as Error;
    else
      await client.query('ROLLBACK').catch((rollbackError: Error) => {
        broken = rollbackError;
      });
    throw error;
  } finally {
    client.off('error', noteBroken);
    client.release(broken);
  }
}

/** The row of a statement that always returns one. */
export function onlyRow<T>(result: { rows: T[] }): T {
  const [row] = result.rows;
  if (row === undefined) throw new Error('Expected the statement to return one row, but it returned none.');
  return row;
}
