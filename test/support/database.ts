import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { openDatabase } from '../../app/store/database.ts';
import { migrate } from '../../app/store/migrate.ts';

export interface TestDatabase {
  [Symbol.asyncDispose](): Promise<void>;
  url: string;
  pool: pg.Pool;
}

/** A job store of the test's own, empty and migrated. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const url = await createEmptyDatabase();
  const pool = openDatabase({ url }, () => {});
  await migrate(pool);
  return { url, pool, [Symbol.asyncDispose]: async () => await pool.end() };
}

/** A database without any table, in the Postgres of this test run. @returns its URL */
export async function createEmptyDatabase(): Promise<string> {
  const server = process.env.TEST_POSTGRES_URL;
  if (!server) throw new Error('no Postgres was started for this test run: see start-postgres.ts');
  const name = `test_${randomBytes(8).toString('hex')}`;
  const admin = new pg.Client({ connectionString: server });
  await admin.connect();
  await admin.query(`CREATE DATABASE ${name}`);
  await admin.end();
  return Object.assign(new URL(server), { pathname: `/${name}` }).href;
}
