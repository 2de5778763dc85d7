import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { AppError } from '../../../app/errors.ts';
import { type Exchange, findConnection, readAccessToken, saveGrant, withFreshTokens } from '../../../app/store/connections.ts';
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

/** Gives access-2, access-3, … and a new refresh token each time, as an org with rotation does; counts how often it was asked. */
function rotating(): { exchange: Exchange; presented: string[] } {
  const presented: string[] = [];
  const exchange: Exchange = async (_connection, refreshToken) => {
    presented.push(refreshToken);
    await new Promise((resolve) => setImmediate(resolve));
    const number = presented.length + 1;
    return { accessToken: `access-${number}`, refreshToken: `refresh-${number}`, instanceUrl: 'https://two.example' };
  };
  return { exchange, presented };
}

test('tokens stand in the store sealed only', async () => {
  const { rows } = await database.pool.query('SELECT * FROM connections');
  expect(JSON.stringify(rows)).not.toMatch(/access-1|refresh-1/);
  expect(await readAccessToken(database.pool, sealer, id)).toEqual({ accessToken: 'access-1', instanceUrl: 'https://one.example' });
});

test('many workers whose token was refused at once renew it once, and all get the new one', async () => {
  const { exchange, presented } = rotating();
  const renewals = await Promise.all(Array.from({ length: 6 }, () => withFreshTokens(database.pool, sealer, id, 'access-1', exchange)));
  expect(presented).toEqual(['refresh-1']);
  for (const renewal of renewals) expect(renewal).toEqual({ accessToken: 'access-2', instanceUrl: 'https://two.example' });
});

test('a rotated refresh token is the one presented next', async () => {
  const { exchange, presented } = rotating();
  await withFreshTokens(database.pool, sealer, id, 'access-1', exchange);
  await withFreshTokens(database.pool, sealer, id, 'access-2', exchange);
  expect(presented).toEqual(['refresh-1', 'refresh-2']);
});

test('a grant that is gone is not presented again until its user has logged in again', async () => {
  let asked = 0;
  const gone: Exchange = async () => {
    asked++;
    throw new AppError('needs_login', 'gone');
  };
  const attempt = (): Promise<unknown> => withFreshTokens(database.pool, sealer, id, 'access-1', gone);
  await expect(attempt()).rejects.toMatchObject({ code: 'needs_login' });
  await expect(attempt()).rejects.toMatchObject({ code: 'needs_login' });
  await expect(readAccessToken(database.pool, sealer, id)).rejects.toMatchObject({ code: 'needs_login' });
  expect(asked).toBe(1);
  await saveGrant(database.pool, sealer, identity, { ...grant, accessToken: 'access-9' });
  expect(await readAccessToken(database.pool, sealer, id)).toMatchObject({ accessToken: 'access-9' });
});

test('a login host that does not answer leaves the grant as it was', async () => {
  const down: Exchange = async () => {
    throw new AppError('salesforce_unavailable', 'down');
  };
  await expect(withFreshTokens(database.pool, sealer, id, 'access-1', down)).rejects.toMatchObject({ recovery: 'retry' });
  expect((await findConnection(database.pool, identity))?.status).toBe('active');
});

test('a key that is not configured defers, and does not ask for a login', async () => {
  const other = createSealer([Buffer.alloc(32, 8)]);
  await expect(readAccessToken(database.pool, other, id)).rejects.toMatchObject({ code: 'unknown_token_key', recovery: 'defer' });
  expect((await findConnection(database.pool, identity))?.status).toBe('active');
});
