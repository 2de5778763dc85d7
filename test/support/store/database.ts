import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { openDatabase } from '../../../app/store/database.ts';

export interface TestDatabase {
  [Symbol.asyncDispose](): Promise<void>;
  url: string;
  pool: pg.Pool;
}

/** A database of this test run that is migrated and otherwise empty: copying it is faster than migrating again. */
export const MIGRATED = 'migrated';

/** A job store for one test, empty and migrated; dropped with its connections when it is disposed of. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const url = await createDatabase(MIGRATED);
  const pool = openDatabase({ url }, () => {});
  return {
    url,
    pool,
    async [Symbol.asyncDispose]() {
      await pool.end();
      await dropDatabase(url);
    },
  };
}

/** A database without tables, in the Postgres of this test run. @returns its URL */
export const createEmptyDatabase = (): Promise<string> => createDatabase('template1');

/** Drops a database of this test run, with its connections. */
export async function dropDatabase(url: string): Promise<void> {
  await administer(`DROP DATABASE IF EXISTS ${new URL(url).pathname.slice(1)} WITH (FORCE)`);
}

async function createDatabase(template: string): Promise<string> {
  const name = `test_${randomBytes(8).toString('hex')}`;
  // Copying the template's files costs a fraction of writing each of its pages to the log.
  await administer(`CREATE DATABASE ${name} TEMPLATE ${template} STRATEGY FILE_COPY`);
  return Object.assign(new URL(serverUrl()), { pathname: `/${name}` }).href;
}

let administrators: pg.Pool | undefined;

/** Executes a statement as the server's administrator, on a connection that the tests of this process share. */
async function administer(sql: string): Promise<void> {
  administrators ??= new pg.Pool({ connectionString: serverUrl(), max: 2, idleTimeoutMillis: 0, allowExitOnIdle: true }).on(
    'error',
    () => {},
  );
  await administrators.query(sql);
}

function serverUrl(): string {
  const server = process.env.TEST_POSTGRES_URL;
  if (!server) throw new Error('This test run has no Postgres. Run the tests with npm test: start-postgres.ts starts it.');
  return server;
}
