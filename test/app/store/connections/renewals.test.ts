import { beforeEach, describe, expect, test } from '@jest/globals';
import { AppError } from '../../../../app/errors.ts';
import { findConnection, type Renewal, readAccessToken, saveGrant } from '../../../../app/store/connections/connections.ts';
import { type Exchange, Renewals } from '../../../../app/store/connections/renewals.ts';
import { createConnectionStore } from '../../../support/connections.ts';

const { database, sealer, identity, session, grant, reset } = await createConnectionStore();
let id: number;
let renewals: Renewals;

beforeEach(async () => {
  id = await reset();
  renewals = aProcess();
});

/** The renewals of another process: only Postgres is shared. */
function aProcess(waitMs = 10_000): Renewals {
  return new Renewals(
    database.pool,
    sealer,
    waitMs,
    async () => {},
    () => {},
  );
}

/** Returns access-2, access-3, … and a new refresh token each time, as an org with rotation does. */
function rotating(instanceUrl: string | undefined = 'https://two.example'): { exchange: Exchange; presented: string[] } {
  const presented: string[] = [];
  const exchange: Exchange = async (_connection, refreshToken) => {
    presented.push(refreshToken!);
    await new Promise((resolve) => setImmediate(resolve));
    const number = presented.length + 1;
    return { accessToken: `access-${number}`, refreshToken: `refresh-${number}`, instanceUrl };
  };
  return { exchange, presented };
}

/** A login host that replies when the test calls `reply`. */
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

test('workers of several processes renew a refused token once, and all get the new one', async () => {
  const { exchange, presented } = rotating();
  const processes = [renewals, aProcess(), aProcess()];
  const sessions = await Promise.all([...processes, ...processes].map((by) => refused(exchange, by)));
  expect(presented).toEqual(['refresh-1']);
  for (const one of sessions) expect(one).toEqual({ accessToken: 'access-2', instanceUrl: 'https://two.example' });
});

test('presents a rotated refresh token at the next renewal', async () => {
  const { exchange, presented } = rotating();
  const second = await renewals.fresh(id, session, 'refused', exchange);
  await minutesPass(6);
  await renewals.fresh(id, second, 'refused', exchange);
  expect(presented).toEqual(['refresh-1', 'refresh-2']);
});

test('keeps the instance URL if the reply names none', async () => {
  const exchange: Exchange = async () => ({ accessToken: 'access-2', refreshToken: undefined, instanceUrl: undefined });
  expect(await refused(exchange)).toEqual({ accessToken: 'access-2', instanceUrl: 'https://one.example' });
});

test('stores a reply that arrives after its caller stopped waiting', async () => {
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

test('stores a reply through a new connection if those to Postgres break', async () => {
  const { exchange, asked, reply } = heldBack();
  const waiting = refused(exchange);
  await asked;
  await database.pool.query(
    'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
  );
  reply({ accessToken: 'access-2', refreshToken: 'refresh-2', instanceUrl: undefined });
  expect(await waiting).toMatchObject({ accessToken: 'access-2' });
});

test.each([1, 2])(
  'presents no token if the job store was restored, which is checked before the claim and after it (%d)',
  async (failing) => {
    let checks = 0;
    const requireAgreement = async (): Promise<void> => {
      if (++checks === failing) throw new AppError('store_restored', 'The job store was restored.');
    };
    const by = new Renewals(database.pool, sealer, 10_000, requireAgreement, () => {});
    const { exchange, presented } = rotating();
    await expect(refused(exchange, by)).rejects.toMatchObject({ code: 'store_restored' });
    expect(presented).toEqual([]);
    // Once it is accepted, the session is renewed at once.
    expect(await refused(exchange, by)).toMatchObject({ accessToken: 'access-2' });
    expect((await database.pool.query('SELECT status, rotations FROM connections')).rows).toEqual([{ status: 'active', rotations: 1 }]);
  },
);

test('keeps a reply that cannot be stored, and stores it later', async () => {
  const failures: unknown[] = [];
  const by = new Renewals(
    database.pool,
    sealer,
    10_000,
    async () => {},
    (error) => {
      failures.push(error);
      if (failures.length === 2) void database.pool.query('ALTER TABLE hidden RENAME TO connections');
    },
  );
  const { exchange, asked, reply } = heldBack();
  const waiting = refused(exchange, by);
  await asked;
  await database.pool.query('ALTER TABLE connections RENAME TO hidden');
  reply({ accessToken: 'access-2', refreshToken: 'refresh-2', instanceUrl: undefined });
  expect(await waiting).toMatchObject({ accessToken: 'access-2' });
  expect(failures).toHaveLength(2);
});

test('waits in its own process for an unstored reply whose mark has expired', async () => {
  const { promise: failed, resolve: fail } = Promise.withResolvers<void>();
  const by = new Renewals(
    database.pool,
    sealer,
    10_000,
    async () => {},
    () => fail(),
  );
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

test('renews again after a killed process once its mark has expired', async () => {
  await database.pool.query(`UPDATE connections SET renewing_by = gen_random_uuid(), renewing_until = now() + interval '3 minutes'`);
  const { exchange, presented } = rotating();
  await expect(refused(exchange, aProcess(50))).rejects.toMatchObject({ code: 'salesforce_unavailable' });
  expect(presented).toEqual([]);
  await database.pool.query('UPDATE connections SET renewing_until = now()');
  expect(await refused(exchange)).toMatchObject({ accessToken: 'access-2' });
});

test('does not overwrite a new login with the renewal of the earlier grant', async () => {
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

test('does not present an ended grant again until its user logs in', async () => {
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

test('keeps the grant if the login host is unavailable, and can renew it at once', async () => {
  const down: Exchange = async () => {
    throw new AppError('salesforce_unavailable', 'down');
  };
  await expect(refused(down)).rejects.toMatchObject({ recovery: 'retry' });
  expect((await findConnection(database.pool, identity))?.status).toBe('active');
  expect(await refused(rotating().exchange)).toMatchObject({ accessToken: 'access-2' });
});

test('stores the reply even if the caller is stopped and no longer waits', async () => {
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

test('does not renew a session again within five minutes of its renewal', async () => {
  const { exchange, presented } = rotating();
  const second = await renewals.fresh(id, session, 'refused', exchange);
  expect(await renewals.fresh(id, second, 'refused', exchange)).toEqual(second);
  expect(presented).toHaveLength(1);
  await minutesPass(6);
  expect(await renewals.fresh(id, second, 'refused', exchange)).toMatchObject({ accessToken: 'access-3' });
});

test('renews a new login at once if it is refused', async () => {
  const { exchange } = rotating();
  await refused(exchange);
  const { accessToken, instanceUrl } = { ...grant, accessToken: 'access-9' };
  await saveGrant(database.pool, sealer, identity, { ...grant, accessToken });
  expect(await renewals.fresh(id, { accessToken, instanceUrl }, 'refused', exchange)).toMatchObject({ accessToken: 'access-3' });
});

describe('for an org that may have moved', () => {
  const moved = (exchange: Exchange, from = session, by = renewals): Promise<{ accessToken: string; instanceUrl: string }> =>
    by.fresh(id, from, 'moved', exchange);

  test('one process calls the login host once', async () => {
    const { exchange, presented } = rotating();
    const sessions = await Promise.all([moved(exchange), moved(exchange, session, aProcess())]);
    for (const one of sessions) expect(one.instanceUrl).toBe('https://two.example');
    expect(presented).toHaveLength(1);
  });

  test('the login host is not called again for ten minutes', async () => {
    const { exchange, presented } = rotating('https://one.example');
    const first = await moved(exchange);
    expect(await moved(exchange, first)).toEqual(first);
    expect(presented).toHaveLength(1);
    await database.pool.query(`UPDATE connections SET located_at = now() - interval '11 minutes'`);
    await moved(exchange, first);
    expect(presented).toHaveLength(2);
  });

  test('a refused session is still renewed', async () => {
    const { exchange } = rotating('https://one.example');
    const first = await moved(exchange);
    expect(await renewals.fresh(id, first, 'refused', exchange)).toMatchObject({ accessToken: 'access-3' });
  });
});
