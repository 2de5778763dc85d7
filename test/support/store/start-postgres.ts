import { rmSync } from 'node:fs';
import { chmod, mkdtemp, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startPostgres } from '../../../app/local/emulators/postgres.ts';
import { openDatabase } from '../../../app/store/database.ts';
import { migrate } from '../../../app/store/migrate.ts';
import { MIGRATED } from './database.ts';

/** Enough for the databases of all workers at a time, and the write-ahead log. */
const MIN_BYTES = 2 ** 30;

/** Jest's globalSetup: one Postgres for the whole run. Each test file creates its own databases in it. */
export default async function start(): Promise<void> {
  const folder = await mkdtemp(join(await fastFolder(), 'salesforce-bigquery-test-'));
  // What an interrupted run leaves would occupy memory. A signal alone would end the process without the event.
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  await chmod(folder, 0o711);
  const postgres = await startPostgres({ dataFolder: join(folder, 'postgres') });
  process.env.TEST_POSTGRES_URL = postgres.url;
  await createMigrated(postgres.url);
  Object.assign(globalThis, { testPostgres: postgres, testPostgresFolder: folder });
}

/** Linux's folder in memory if it has room: each database consists of 300 files, which cost a disk several times as much. */
async function fastFolder(): Promise<string> {
  const { bavail, bsize } = await statfs('/dev/shm').catch(() => ({ bavail: 0, bsize: 0 }));
  return bavail * bsize < MIN_BYTES ? tmpdir() : '/dev/shm';
}

async function createMigrated(server: string): Promise<void> {
  const admin = new pg.Client({ connectionString: server });
  await admin.connect();
  // Postgres would analyze tables at times of its own choice, and then choose other plans.
  await admin.query('ALTER SYSTEM SET autovacuum = off');
  await admin.query('SELECT pg_reload_conf()');
  await admin.query(`CREATE DATABASE ${MIGRATED}`);
  await admin.end();
  const pool = openDatabase({ url: Object.assign(new URL(server), { pathname: `/${MIGRATED}` }).href }, () => {});
  await migrate(pool);
  await pool.end();
}
