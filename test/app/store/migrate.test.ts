import { expect, test } from '@jest/globals';
import { openDatabase } from '../../../app/store/database.ts';
import { migrate } from '../../../app/store/migrate.ts';
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

test('refuses a migration that changed after it ran', async () => {
  const pool = openDatabase({ url: await createEmptyDatabase() }, () => {});
  await migrate(pool);
  await pool.query(`UPDATE migrations SET sha256 = 'other'`);
  await expect(migrate(pool)).rejects.toThrow(/changed since it ran/);
  await pool.end();
});
