import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { PasswordPool } from '../../../app/store/password-pool.ts';
import { createEmptyDatabase } from '../../support/store/database.ts';

/** A user whose password is rotated, as RDS does, and the password that the secret contains. */
const ROLE = `rotating_${process.pid}`;
let admin: pg.Client;
let url: URL;
let current = 'first';

beforeAll(async () => {
  url = new URL(await createEmptyDatabase());
  admin = new pg.Client({ connectionString: url.href });
  await admin.connect();
  await admin.query(`CREATE ROLE ${ROLE} LOGIN PASSWORD 'first'`);
});
afterAll(async () => {
  await admin.query(`DROP ROLE ${ROLE}`);
  await admin.end();
});

async function rotate(password: string): Promise<void> {
  await admin.query(`ALTER ROLE ${ROLE} PASSWORD '${password}'`);
  current = password;
}

/** A pool whose source caches the password; `reads` has each password that it read. */
function openPool(readCurrent = () => current): { pool: PasswordPool; reads: string[] } {
  const reads: string[] = [];
  let cached: string | undefined;
  const source = {
    async read() {
      if (cached !== undefined) return cached;
      cached = readCurrent();
      reads.push(cached);
      return cached;
    },
    forget() {
      cached = undefined;
    },
  };
  const config = { host: url.hostname, port: Number(url.port), database: url.pathname.slice(1), user: ROLE, idleTimeoutMillis: 1 };
  return { pool: new PasswordPool(config, source), reads };
}

test('a rotated password is read again without an error to the caller', async () => {
  const { pool, reads } = openPool();
  expect((await pool.query('SELECT current_user AS name')).rows).toEqual([{ name: ROLE }]);
  await rotate('second');
  // Checked out together, so that each has its own connection.
  const clients = await Promise.all([pool.connect(), pool.connect(), pool.connect()]);
  expect(await Promise.all(clients.map(async (client) => (await client.query('SELECT 1 AS one')).rows))).toEqual([
    [{ one: 1 }],
    [{ one: 1 }],
    [{ one: 1 }],
  ]);
  for (const client of clients) client.release(true);
  await rotate('third');
  expect((await pool.query('SELECT current_user AS name')).rows).toEqual([{ name: ROLE }]);
  expect(reads[0]).toBe('first');
  expect(reads.at(-1)).toBe('third');
  await pool.end();
});

test('a secret with a wrong password is an error after two tries', async () => {
  const { pool, reads } = openPool(() => 'wrong');
  await expect(pool.query('SELECT 1')).rejects.toMatchObject({ code: '28P01' });
  await expect(pool.connect()).rejects.toMatchObject({ code: '28P01' });
  expect(reads).toHaveLength(3);
  await pool.end();
});

test('any other error is not retried', async () => {
  const { pool } = openPool();
  await expect(pool.query('SELECT nonsense')).rejects.toMatchObject({ code: '42703' });
  await pool.end();
});
