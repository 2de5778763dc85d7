import { expect, test } from '@jest/globals';
import pg from 'pg';
import { startService } from '../../support/service.ts';

test('is ready while the job store responds and is migrated, and always healthy', async () => {
  await using service = await startService({ worker: false });
  const status = async (path: string): Promise<number> => (await fetch(`${service.url}${path}`)).status;
  expect(await status('/readyz')).toBe(200);

  const { rows } = await service.database.pool.query<{ name: string; sha256: string }>(
    'DELETE FROM migrations WHERE name = (SELECT max(name) FROM migrations) RETURNING name, sha256',
  );
  expect(await status('/readyz')).toBe(503);
  await service.database.pool.query('INSERT INTO migrations (name, sha256) VALUES ($1, $2)', [rows[0]!.name, rows[0]!.sha256]);
  expect(await status('/readyz')).toBe(200);

  const admin = new pg.Client({ connectionString: process.env.TEST_POSTGRES_URL! });
  await admin.connect();
  await admin.query(`DROP DATABASE ${new URL(service.database.url).pathname.slice(1)} WITH (FORCE)`);
  await admin.end();
  expect(await status('/readyz')).toBe(503);
  expect(await status('/healthz')).toBe(200);
});
