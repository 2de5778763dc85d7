import { expect, test } from '@jest/globals';
import type pg from 'pg';
import { transaction } from '../../../app/store/database.ts';
import { createTestDatabase } from '../../support/store/database.ts';

test('a transaction that a deadlock rolled back is repeated', async () => {
  await using database = await createTestDatabase();
  await database.pool.query('CREATE TABLE counters AS SELECT id, 0 AS value FROM generate_series(1, 2) AS id');
  let waiting = 0;
  const bothStarted = Promise.withResolvers<void>();
  let tries = 0;
  const increment = async (client: pg.PoolClient, first: number, second: number): Promise<void> => {
    tries++;
    await client.query('UPDATE counters SET value = value + 1 WHERE id = $1', [first]);
    if (++waiting === 2) bothStarted.resolve();
    await bothStarted.promise;
    await client.query('UPDATE counters SET value = value + 1 WHERE id = $1', [second]);
  };
  await Promise.all([
    transaction(database.pool, (client) => increment(client, 1, 2)),
    transaction(database.pool, (client) => increment(client, 2, 1)),
  ]);
  expect(tries).toBeGreaterThan(2);
  expect((await database.pool.query('SELECT value FROM counters')).rows).toEqual([{ value: 2 }, { value: 2 }]);
});
