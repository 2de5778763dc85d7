import { beforeEach, expect, test } from '@jest/globals';
import { findConnection, readAccessToken } from '../../../app/store/connections.ts';
import { createSealer } from '../../../app/store/seal.ts';
import { createConnectionStore } from '../../support/connections.ts';

const { database, sealer, identity, reset } = await createConnectionStore();
let id: number;

beforeEach(async () => {
  id = await reset();
});

test('stores tokens only sealed', async () => {
  const { rows } = await database.pool.query('SELECT * FROM connections');
  expect(JSON.stringify(rows)).not.toMatch(/access-1|refresh-1/);
  expect(await readAccessToken(database.pool, sealer, id)).toEqual({ accessToken: 'access-1', instanceUrl: 'https://one.example' });
});

test('defers without asking for a login when the token key is not configured', async () => {
  const other = createSealer([Buffer.alloc(32, 8)]);
  await expect(readAccessToken(database.pool, other, id)).rejects.toMatchObject({ code: 'unknown_token_key', recovery: 'defer' });
  expect((await findConnection(database.pool, identity))?.status).toBe('active');
});
