import { beforeEach, expect, test } from '@jest/globals';
import { findConnection, readAccessToken, saveGrant } from '../../../../app/store/connections/connections.ts';
import { createSealer } from '../../../../app/store/seal.ts';
import { createConnectionStore } from '../../../support/connections.ts';

const { database, sealer, identity, grant, reset } = await createConnectionStore();
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

test('returns the token of a trial only to a local service, until its user connects by an app of the org', async () => {
  await saveGrant(database.pool, sealer, identity, { ...grant, trial: true });
  const deployed = (): Promise<unknown> => readAccessToken(database.pool, sealer, id, false);
  expect(await readAccessToken(database.pool, sealer, id, true)).toMatchObject({ accessToken: 'access-1' });
  await expect(deployed()).rejects.toMatchObject({ code: 'login_refused', recovery: 'defer', message: expect.stringContaining('trial') });
  await saveGrant(database.pool, sealer, identity, grant);
  expect(await deployed()).toMatchObject({ accessToken: 'access-1' });
});
