import { chmod, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startPostgres } from '../../app/local/emulators/postgres.ts';
import { openDatabase } from '../../app/store/database.ts';
import { migrate } from '../../app/store/migrate.ts';
import { MIGRATED } from './database.ts';

/** Jest's globalSetup: one Postgres for the whole run. Each test file creates its own databases in it. */
export default async function start(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'salesforce-bigquery-test-'));
  await chmod(folder, 0o711);
  const postgres = await startPostgres({ dataFolder: join(folder, 'postgres') });
  process.env.TEST_POSTGRES_URL = postgres.url;
  await createMigrated(postgres.url);
  Object.assign(globalThis, { testPostgres: postgres, testPostgresFolder: folder });
}

async function createMigrated(server: string): Promise<void> {
  const admin = new pg.Client({ connectionString: server });
  await admin.connect();
  await admin.query(`CREATE DATABASE ${MIGRATED}`);
  await admin.end();
  const pool = openDatabase({ url: Object.assign(new URL(server), { pathname: `/${MIGRATED}` }).href }, () => {});
  await migrate(pool);
  await pool.end();
}
