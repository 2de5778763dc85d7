import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { findConnection, readAccessToken, saveGrant } from '../../../app/store/connections.ts';
import { createSealer } from '../../../app/store/seal.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';

const sealer = createSealer([Buffer.alloc(32, 7)]);
const identity = { orgId: '00D000000000000EAA', userId: '005000000000001AAA' };
const grant = {
  accessToken: 'access-1',
  refreshToken: 'refresh-1',
  instanceUrl: 'https://one.example',
  identityUrl: 'https://login.example/id/00D000000000000EAA/005000000000001AAA',
  loginUrl: 'https://login.example',
};
let database: TestDatabase;
let id: number;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database[Symbol.asyncDispose]());
beforeEach(async () => {
  await database.pool.query('TRUNCATE connections CASCADE');
  id = (await saveGrant(database.pool, sealer, identity, grant)).id;
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
