import { chmod, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres } from '../../app/local/emulators/postgres.ts';

/** Jest's globalSetup: one Postgres for the whole run. Each test file makes databases of its own in it. */
export default async function start(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'salesforce-bigquery-test-'));
  await chmod(folder, 0o711);
  const postgres = await startPostgres({ dataFolder: join(folder, 'postgres') });
  process.env.TEST_POSTGRES_URL = postgres.url;
  Object.assign(globalThis, { testPostgres: postgres, testPostgresFolder: folder });
}
