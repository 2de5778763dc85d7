import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { openDatabase } from '../../app/store/database.ts';

export interface TestDatabase {
  [Symbol.asyncDispose](): Promise<void>;
  url: string;
  pool: pg.Pool;
}

/** A database of this test run that is migrated and otherwise empty: copying it is faster than migrating again. */
export const MIGRATED = 'migrated';

/** A job store for one test, empty and migrated. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const url = await createDatabase(MIGRATED);
  const pool = openDatabase({ url }, () => {});
  return { url, pool, [Symbol.asyncDispose]: async () => await pool.end() };
}

/** A database without tables, in the Postgres of this test run. @returns its URL */
export const createEmptyDatabase = (): Promise<string> => createDatabase('template1');

async function createDatabase(template: string): Promise<string> {
  const server = process.env.TEST_POSTGRES_URL;
  if (!server) throw new Error('This test run has no Postgres. Run the tests with npm test: start-postgres.ts starts it.');
  const name = `test_${randomBytes(8).toString('hex')}`;
  const admin = new pg.Client({ connectionString: server });
  await admin.connect();
  await admin.query(`CREATE DATABASE ${name} TEMPLATE ${template}`);
  await admin.end();
  return Object.assign(new URL(server), { pathname: `/${name}` }).href;
}
