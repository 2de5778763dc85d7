import pg from 'pg';
import { PasswordPool, type PasswordSource } from './password-pool.ts';

/** What runs one statement: the pool, or a client inside a transaction. */
export type Queryable = Pick<pg.Pool, 'query'>;

const INT8 = 20;

// Else pg writes a Date in the process's zone, with an offset in whole minutes: before there were standard times, that is another instant.
pg.defaults.parseInputDatesAsUTC = true;

/** Where the job store is: a URL, or the parts of one with a password that is asked for at each connection, over checked TLS. */
export type DatabaseAddress =
  | { url: string }
  | { host: string; port: number; database: string; user: string; password: PasswordSource; certificates: string };

/** Opens the job store's connection pool. Counts are bigint in Postgres and numbers here: none of ours passes 2^53. */
export function openDatabase(address: DatabaseAddress, onError: (error: Error) => void): pg.Pool {
  const config: pg.PoolConfig = {
    max: 10,
    connectionTimeoutMillis: 10_000,
    application_name: 'salesforce-bigquery-sync',
    types: {
      getTypeParser: ((oid: number, format?: 'text') =>
        oid === INT8 ? Number : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
    },
  };
  const pool = 'url' in address ? new pg.Pool({ ...config, connectionString: address.url }) : openByParts(config, address);
  // An idle client whose server went away; the pool replaces it, but without a listener it would end the process.
  pool.on('error', onError);
  return pool;
}

function openByParts(config: pg.PoolConfig, address: Exclude<DatabaseAddress, { url: string }>): pg.Pool {
  const { certificates, password, ...parts } = address;
  return new PasswordPool({ ...config, ...parts, ssl: { ca: certificates, rejectUnauthorized: true } }, password);
}

/** Runs `work` in one transaction; any error rolls it back. */
export async function transaction<T>(database: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await database.connect();
  let broken: Error | undefined;
  // A server that goes away between two statements: without a listener, that would end the process.
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
    // A client that cannot even roll back is not given back to the pool.
    await client.query('ROLLBACK').catch((rollbackError: Error) => {
      broken = rollbackError;
    });
    throw error;
  } finally {
    client.off('error', noteBroken);
    client.release(broken);
  }
}

/** The only row of an answer that always has one. */
export function onlyRow<T>(result: { rows: T[] }): T {
  const [row] = result.rows;
  if (row === undefined) throw new Error('the statement was to return one row and returned none');
  return row;
}
