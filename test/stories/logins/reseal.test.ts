import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, expect, jest, test } from '@jest/globals';
import type pg from 'pg';
import { doctor } from '../../../app/commands/doctor.ts';
import { reseal } from '../../../app/commands/reseal.ts';
import { createContext } from '../../../app/context.ts';
import { createApp } from '../../../app/http/app.ts';
import { readAccessToken, saveGrant } from '../../../app/store/connections/connections.ts';
import { createSealer } from '../../../app/store/seal.ts';
import { countOldRows, resealAll, SEALED_COLUMNS } from '../../../app/store/sealed-columns.ts';
import { listen } from '../../support/server.ts';
import { type Answer, REDIRECT_URI, readAnswer, startService, type TestService } from '../../support/service.ts';
import { serviceEnvironment } from '../../support/service-environment.ts';
import { createTestDatabase, type TestDatabase } from '../../support/store/database.ts';

const [oldKey, newKey, unknownKey] = [randomBytes(32), randomBytes(32), randomBytes(32)] as const;
const both = createSealer([newKey, oldKey]);
const opened: AsyncDisposable[] = [];

afterEach(async () => {
  for (const each of opened.splice(0)) await each[Symbol.asyncDispose]();
});

async function openStore(): Promise<TestDatabase> {
  const store = await createTestDatabase();
  opened.push(store);
  return store;
}

/** Adds connections whose tokens are sealed with this key. @returns their ids */
async function addConnections(pool: pg.Pool, count: number, key: Buffer): Promise<number[]> {
  const sealer = createSealer([key]);
  const ids: number[] = [];
  for (let number = 0; number < count; number++) {
    const identity = { orgId: '00D000000000000EAA', userId: randomBytes(9).toString('hex') };
    const grant = { accessToken: `access ${number}`, refreshToken: `refresh ${number}`, instanceUrl: '', identityUrl: '', loginUrl: '' };
    ids.push((await saveGrant(pool, sealer, identity, grant)).id);
  }
  return ids;
}

const toTokenKeys = (...keys: Buffer[]): string => keys.map((key) => key.toString('base64')).join(',');

/** What a command prints, and its exit code. */
async function run(command: typeof reseal, env: NodeJS.ProcessEnv): Promise<{ code: number; output: string }> {
  const log = jest.spyOn(console, 'log').mockImplementation(() => {});
  try {
    const code = await command({ args: [], options: {}, env, stop: new AbortController().signal });
    return { code, output: log.mock.calls.join('\n') };
  } finally {
    log.mockRestore();
  }
}

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const each of source) found.push(each);
  return found;
}

async function startConnected(): Promise<{ service: TestService; userId: string; env: NodeJS.ProcessEnv; key: Buffer }> {
  const service = await startService({ worker: false });
  opened.push(service);
  const { database, salesforce, bigquery } = service;
  const env = { ...serviceEnvironment(database.url, salesforce, bigquery), API_KEYS: `ops:operate:${'a'.repeat(64)}` };
  return { service, userId: await service.connect(), env, key: service.context.config.tokenKeys[0]! };
}

/** The answer to a call of the same service with other token keys. */
async function answerUnder(service: TestService, tokenKeys: Buffer[], path: string, fields: Record<string, string>): Promise<Answer> {
  const { config, events, limits } = service.context;
  const context = createContext({ ...config, tokenKeys }, events, limits);
  const server = createApp(context).listen(0, '127.0.0.1');
  const url = await listen(server);
  const answer = await readAnswer(await fetch(`${url}/${path}`, { method: 'POST', body: new URLSearchParams(fields) }));
  server.closeAllConnections();
  server.close();
  await context.close();
  return answer;
}

test('an old key can be removed once its rows are sealed again, and the doctor says when', async () => {
  const { service, userId, env, key } = await startConnected();
  await service.call('get_oauth_url', { redirect_uri: REDIRECT_URI });
  const keys = { ...env, TOKEN_KEYS: toTokenKeys(newKey, key) };
  expect((await run(doctor, keys)).output).toContain(
    'ok    TOKEN_KEYS opens every sealed row: rows that need an older key: 2. Run the reseal',
  );

  const { code, output } = await run(reseal, { DATABASE_URL: env.DATABASE_URL, TOKEN_KEYS: keys.TOKEN_KEYS });
  expect({ code, output }).toEqual({
    code: 0,
    output: [
      '2 rows are sealed with an older key.',
      'Sealed 1 texts again.',
      'Sealed 2 texts again.',
      'Sealed 3 texts again.',
      'The first key of TOKEN_KEYS opens every row. Remove all other keys.',
    ].join('\n'),
  });
  expect((await run(doctor, keys)).output).toContain(
    'TOKEN_KEYS opens every sealed row: no row needs an older key: remove all but the first',
  );
  expect((await run(doctor, { ...env, TOKEN_KEYS: toTokenKeys(newKey) })).output).toContain('TOKEN_KEYS opens every sealed row: one key');

  const { rows } = await service.database.pool.query(`SELECT by, details FROM audit WHERE action = 'resealed' ORDER BY id`);
  expect(rows).toEqual(
    ['connections.access_token', 'connections.refresh_token', 'authorizations.code_verifier'].map((column) => ({
      by: 'command line',
      details: { column, texts: 1 },
    })),
  );

  const fields = { user_id: userId, object_name: 'Account', start_date: 'all' };
  expect(await answerUnder(service, [newKey], 'create_importing_job', fields)).toMatchObject({ status: 200, text: 'OK' });
});

test('a row that no key opens is left, and the command and the doctor say so', async () => {
  const { env } = await startConnected();
  const keys = { ...env, TOKEN_KEYS: toTokenKeys(unknownKey) };
  const sentence = 'sealed with a key that TOKEN_KEYS does not contain';
  const { code, output } = await run(reseal, keys);
  expect(code).toBe(1);
  expect(output).toContain(`1 row is ${sentence}. Add the key, or connect their users again.`);
  expect((await run(doctor, keys)).output).toContain(`FAIL  TOKEN_KEYS opens every sealed row: Rows ${sentence}: 1. Add the key`);
});

test('continues where it was stopped, and finds nothing when it runs again', async () => {
  const { pool } = await openStore();
  const ids = await addConnections(pool, 1_100, oldKey);
  for await (const texts of resealAll(pool, both, 'ops')) {
    expect(texts).toBe(500);
    break;
  }
  const { rows } = await pool.query('SELECT by, details FROM audit');
  expect(rows).toEqual([{ by: 'ops', details: { column: 'connections.access_token', texts: 500 } }]);
  expect(await countOldRows(pool, both)).toEqual({ outdated: 1_100, unreadable: 0 });
  const progress = await collect(resealAll(pool, both, 'ops'));
  expect(progress).toEqual([500, 600, 1_100, 1_600, 1_700]);
  expect(await countOldRows(pool, both)).toEqual({ outdated: 0, unreadable: 0 });
  expect(await collect(resealAll(pool, both, 'ops'))).toEqual([]);
  expect((await readAccessToken(pool, createSealer([newKey]), ids[1_099]!)).accessToken).toBe('access 1099');
});

test('leaves a token that is renewed meanwhile, and a damaged one', async () => {
  const { pool } = await openStore();
  const [renewed, damaged] = await addConnections(pool, 2, oldKey);
  await pool.query(`UPDATE connections SET access_token = (SELECT access_token FROM connections WHERE id = $1) WHERE id = $2`, [
    renewed,
    damaged,
  ]);
  const query = pool.query.bind(pool) as (sql: string, values?: unknown[]) => Promise<pg.QueryResult>;
  const renewing = async (sql: string, values?: unknown[]): Promise<pg.QueryResult> => {
    if (sql.startsWith('UPDATE')) await query(`UPDATE connections SET access_token = 'v1.another' WHERE id = $1`, [renewed]);
    return await query(sql, values);
  };
  await collect(resealAll({ query: renewing, release: () => {} } as unknown as pg.PoolClient, both, 'ops'));
  const { rows } = await pool.query<{ access_token: string }>('SELECT access_token FROM connections ORDER BY id');
  expect(rows[0]!.access_token).toBe('v1.another');
  expect(rows[1]!.access_token).toContain(`v1.${both.keyIds[1]}.`);
  expect(await countOldRows(pool, both)).toEqual({ outdated: 1, unreadable: 1 });
});

test('knows every column that the migrations mark as sealed', () => {
  const folder = 'app/store/migrations';
  const marked = readdirSync(folder).flatMap((file) =>
    [...readFileSync(`${folder}/${file}`, 'utf8').matchAll(/^\s*(?:ADD COLUMN )?(\w+)\s.*-- sealed/gm)].map(([, column]) => column),
  );
  expect(marked.toSorted()).toEqual(SEALED_COLUMNS.map(({ column }) => column).toSorted());
});
