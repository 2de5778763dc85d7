import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { AppError } from '../../../app/errors.ts';
import { findConnection, type Renewal, readAccessToken, saveGrant } from '../../../app/store/connections.ts';
import { type Exchange, Renewals } from '../../../app/store/renewals.ts';
import { createSealer } from '../../../app/store/seal.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';

const sealer = createSealer([Buffer.alloc(32, 7)]);
const identity = { orgId: '00D000000000000EAA', userId: '005000000000001AAA' };
const session = { accessToken: 'access-1', instanceUrl: 'https://one.example' };
const grant = {
  ...session,
  refreshToken: 'refresh-1',
  identityUrl: 'https://login.example/id/00D000000000000EAA/005000000000001AAA',
  loginUrl: 'https://login.example',
};
let database: TestDatabase;
let id: number;
let renewals: Renewals;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database[Symbol.asyncDispose]());
beforeEach(async () => {
  await database.pool.query('TRUNCATE connections CASCADE');
  id = (await saveGrant(database.pool, sealer, identity, grant)).id;
  renewals = aProcess();
});

/** As another process would have it: they share Postgres alone. */
function aProcess(waitMs = 10_000): Renewals {
  return new Renewals(database.pool, sealer, waitMs, () => {});
}

/** Gives access-2, access-3, … and a new refresh token each time, as an org with rotation does. */
function rotating(instanceUrl: string | undefined = 'https://two.example'): { exchange: Exchange; presented: string[] } {
  const presented: string[] = [];
  const exchange: Exchange = async (_connection, refreshToken) => {
    presented.push(refreshToken);
    await new Promise((resolve) => setImmediate(resolve));
    const number = presented.length + 1;
    return { accessToken: `access-${number}`, refreshToken: `refresh-${number}`, instanceUrl };
  };
  return { exchange, presented };
}

/** A login host whose reply comes when the test lets it come. */
function heldBack(): { exchange: Exchange; asked: Promise<void>; reply: (renewal: Renewal) => void } {
  const { promise, resolve: reply } = Promise.withResolvers<Renewal>();
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
  const exchange: Exchange = () => {
    ask();
    return promise;
  };
  return { exchange, asked, reply };
}

const minutesPass = (minutes: number): Promise<unknown> =>
  database.pool.query(`UPDATE connections SET renewed_at = renewed_at - $1 * interval '1 minute'`, [minutes]);
const refused = (exchange: Exchange, by = renewals): Promise<unknown> => by.fresh(id, session, 'refused', exchange);
const stored = (): Promise<object> => readAccessToken(database.pool, sealer, id);

test('workers of several processes whose token was refused at once renew it once, and all get the new one', async () => {
  const { exchange, presented } = rotating();
  const processes = [renewals, aProcess(), aProcess()];
  const sessions = await Promise.all([...processes, ...processes].map((by) => refused(exchange, by)));
  expect(presented).toEqual(['refresh-1']);
  for (const one of sessions) expect(one).toEqual({ accessToken: 'access-2', instanceUrl: 'https://two.example' });
});

test('a rotated refresh token is the one presented next', async () => {
  const { exchange, presented } = rotating();
  const second = await renewals.fresh(id, session, 'refused', exchange);
  await minutesPass(6);
  await renewals.fresh(id, second, 'refused', exchange);
  expect(presented).toEqual(['refresh-1', 'refresh-2']);
});

test('a reply that names no instance leaves it where it was', async () => {
  const exchange: Exchange = async () => ({ accessToken: 'access-2', refreshToken: undefined, instanceUrl: undefined });
  expect(await refused(exchange)).toEqual({ accessToken: 'access-2', instanceUrl: 'https://one.example' });
});

test('a reply that comes after its caller stopped waiting is stored all the same', async () => {
  const { exchange, reply } = heldBack();
  await expect(refused(exchange, aProcess(50))).rejects.toMatchObject({ code: 'salesforce_unavailable', recovery: 'retry' });
  const { exchange: another, presented } = rotating();
  const waiting = refused(another);
  reply({ accessToken: 'late', refreshToken: 'refresh-late', instanceUrl: undefined });
  expect(await waiting).toMatchObject({ accessToken: 'late' });
  expect(presented).toEqual([]);
  await minutesPass(6);
  await renewals.fresh(id, { ...session, accessToken: 'late' }, 'refused', another);
  expect(presented).toEqual(['refresh-late']);
});

test('a reply is stored by another connection where those to Postgres break', async () => {
  const { exchange, asked, reply } = heldBack();
  const waiting = refused(exchange);
  await asked;
  await database.pool.query(
    'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
  );
  reply({ accessToken: 'access-2', refreshToken: 'refresh-2', instanceUrl: undefined });
  expect(await waiting).toMatchObject({ accessToken: 'access-2' });
});

test('a reply that cannot be stored is kept, and stored once that works', async () => {
  const failures: unknown[] = [];
  const by = new Renewals(database.pool, sealer, 10_000, (error) => {
    failures.push(error);
    if (failures.length === 2) void database.pool.query('ALTER TABLE hidden RENAME TO connections');
  });
  const { exchange, asked, reply } = heldBack();
  const waiting = refused(exchange, by);
  await asked;
  await database.pool.query('ALTER TABLE connections RENAME TO hidden');
  reply({ accessToken: 'access-2', refreshToken: 'refresh-2', instanceUrl: undefined });
  expect(await waiting).toMatchObject({ accessToken: 'access-2' });
  expect(failures).toHaveLength(2);
});

test('a reply that is held for longer than its mark lasts is waited for in its own process', async () => {
  const { promise: failed, resolve: fail } = Promise.withResolvers<void>();
  const by = new Renewals(database.pool, sealer, 10_000, () => fail());
  const { exchange, asked, reply } = heldBack();
  const waiting = refused(exchange, by);
  await asked;
  await database.pool.query('ALTER TABLE connections RENAME TO hidden');
  reply({ accessToken: 'access-2', refreshToken: 'refresh-2', instanceUrl: undefined });
  await failed;
  await database.pool.query('UPDATE hidden SET renewing_until = now(); ALTER TABLE hidden RENAME TO connections');
  const { exchange: another, presented } = rotating();
  expect(await refused(another, by)).toMatchObject({ accessToken: 'access-2' });
  expect(presented).toEqual([]);
  expect(await waiting).toMatchObject({ accessToken: 'access-2' });
});

test('a renewal whose process was killed gives way to another once its mark has expired', async () => {
  await database.pool.query(`UPDATE connections SET renewing_by = gen_random_uuid(), renewing_until = now() + interval '3 minutes'`);
  const { exchange, presented } = rotating();
  await expect(refused(exchange, aProcess(50))).rejects.toMatchObject({ code: 'salesforce_unavailable' });
  expect(presented).toEqual([]);
  await database.pool.query('UPDATE connections SET renewing_until = now()');
  expect(await refused(exchange)).toMatchObject({ accessToken: 'access-2' });
});

test('a login that comes meanwhile is not overwritten by the renewal of the grant before it', async () => {
  const { exchange, asked, reply } = heldBack();
  const waiting = refused(exchange);
  await asked;
  await saveGrant(database.pool, sealer, identity, { ...grant, accessToken: 'access-9', refreshToken: 'refresh-9' });
  reply({ accessToken: 'access-2', refreshToken: 'refresh-2', instanceUrl: undefined });
  expect(await waiting).toMatchObject({ accessToken: 'access-9' });
  const { exchange: next, presented } = rotating();
  await renewals.fresh(id, { ...session, accessToken: 'access-9' }, 'refused', next);
  expect(presented).toEqual(['refresh-9']);
});

test('a grant that has ended is not presented again until its user has logged in again', async () => {
  let asked = 0;
  const ended: Exchange = async () => {
    asked++;
    throw new AppError('needs_login', 'ended');
  };
  await expect(refused(ended)).rejects.toMatchObject({ code: 'needs_login' });
  await expect(refused(ended)).rejects.toMatchObject({ code: 'needs_login' });
  await expect(stored()).rejects.toMatchObject({ code: 'needs_login' });
  expect(asked).toBe(1);
  await saveGrant(database.pool, sealer, identity, { ...grant, accessToken: 'access-9' });
  expect(await stored()).toMatchObject({ accessToken: 'access-9' });
});

test('a login host that does not answer leaves the grant as it was, to be renewed at once', async () => {
  const down: Exchange = async () => {
    throw new AppError('salesforce_unavailable', 'down');
  };
  await expect(refused(down)).rejects.toMatchObject({ recovery: 'retry' });
  expect((await findConnection(database.pool, identity))?.status).toBe('active');
  expect(await refused(rotating().exchange)).toMatchObject({ accessToken: 'access-2' });
});

test('a caller that is stopped does not wait, and the reply is stored', async () => {
  const { exchange, asked, reply } = heldBack();
  const stop = new AbortController();
  const waiting = renewals.fresh(id, session, 'refused', exchange, stop.signal);
  await asked;
  stop.abort(new AppError('stopping', 'stopping'));
  await expect(waiting).rejects.toMatchObject({ code: 'stopping' });
  reply({ accessToken: 'access-2', refreshToken: undefined, instanceUrl: undefined });
  await renewals.close();
  expect(await stored()).toMatchObject({ accessToken: 'access-2' });
});

test('a session that is refused right after its renewal is not renewed again for five minutes', async () => {
  const { exchange, presented } = rotating();
  const second = await renewals.fresh(id, session, 'refused', exchange);
  expect(await renewals.fresh(id, second, 'refused', exchange)).toEqual(second);
  expect(presented).toHaveLength(1);
  await minutesPass(6);
  expect(await renewals.fresh(id, second, 'refused', exchange)).toMatchObject({ accessToken: 'access-3' });
});

test('a new login is renewed at once, if it is refused', async () => {
  const { exchange } = rotating();
  await refused(exchange);
  const { accessToken, instanceUrl } = { ...grant, accessToken: 'access-9' };
  await saveGrant(database.pool, sealer, identity, { ...grant, accessToken });
  expect(await renewals.fresh(id, { accessToken, instanceUrl }, 'refused', exchange)).toMatchObject({ accessToken: 'access-3' });
});

describe('for an org that seems to have moved', () => {
  const moved = (exchange: Exchange, from = session, by = renewals): Promise<{ accessToken: string; instanceUrl: string }> =>
    by.fresh(id, from, 'moved', exchange);

  test('the login host is asked once, by whichever process', async () => {
    const { exchange, presented } = rotating();
    const sessions = await Promise.all([moved(exchange), moved(exchange, session, aProcess())]);
    for (const one of sessions) expect(one.instanceUrl).toBe('https://two.example');
    expect(presented).toHaveLength(1);
  });

  test('the login host is not asked again for ten minutes', async () => {
    const { exchange, presented } = rotating('https://one.example');
    const first = await moved(exchange);
    expect(await moved(exchange, first)).toEqual(first);
    expect(presented).toHaveLength(1);
    await database.pool.query(`UPDATE connections SET located_at = now() - interval '11 minutes'`);
    await moved(exchange, first);
    expect(presented).toHaveLength(2);
  });

  test('a session that is refused is renewed all the same', async () => {
    const { exchange } = rotating('https://one.example');
    const first = await moved(exchange);
    expect(await renewals.fresh(id, first, 'refused', exchange)).toMatchObject({ accessToken: 'access-3' });
  });
});
