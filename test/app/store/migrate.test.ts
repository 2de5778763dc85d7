import { expect, test } from '@jest/globals';
import { openDatabase, transaction } from '../../../app/store/database.ts';
import { lockSchema, migrate } from '../../../app/store/migrate.ts';
import { createEmptyDatabase } from '../../support/store/database.ts';

test('processes that start concurrently run each migration once', async () => {
  const url = await createEmptyDatabase();
  const pools = Array.from({ length: 4 }, () => openDatabase({ url }, () => {}));
  const ran = await Promise.all(pools.map((pool) => migrate(pool)));
  const { rows } = await pools[0]!.query<{ name: string }>('SELECT name FROM migrations ORDER BY name');
  expect(ran.flat().sort()).toEqual(rows.map((row) => row.name));
  expect(rows.length).toBeGreaterThan(0);
  expect(await migrate(pools[0]!)).toEqual([]);
  await Promise.all(pools.map((pool) => pool.end()));
});

test('a process waits for the migration of another for longer than a migration may wait for a table', async () => {
  const url = await createEmptyDatabase();
  const [first, second] = [openDatabase({ url }, () => {}), openDatabase({ url }, () => {})];
  const { waiting } = await transaction(first, async (client) => {
    await lockSchema(client);
    const migration = migrate(second, undefined, 10);
    const hasWaited = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'
       AND query_start < clock_timestamp() - interval '100 ms'`;
    while ((await Promise.race([migration.then(() => undefined), first.query(hasWaited)]))?.rowCount === 0);
    return { waiting: migration };
  });
  expect(await waiting).toContain('0001_job_store.sql');
  await Promise.all([first.end(), second.end()]);
});

test('a migration gives up on a table that another transaction uses, because all other statements would wait behind it', async () => {
  const pool = openDatabase({ url: await createEmptyDatabase() }, () => {});
  await migrate(pool);
  await transaction(pool, async (client) => {
    await client.query('LOCK TABLE migrations');
    await expect(migrate(pool, undefined, 10)).rejects.toThrow('lock timeout');
  });
  await pool.end();
});

test('refuses a migration that changed after it ran', async () => {
  const pool = openDatabase({ url: await createEmptyDatabase() }, () => {});
  await migrate(pool);
  await pool.query(`UPDATE migrations SET sha256 = 'other'`);
  await expect(migrate(pool)).rejects.toThrow(/changed since it ran/);
  await pool.end();
});
