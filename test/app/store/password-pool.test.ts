import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { PasswordPool } from '../../../app/store/password-pool.ts';
import { createEmptyDatabase } from '../../support/database.ts';

/** A user whose password changes, as RDS changes its own, and what reads it from where it is kept. */
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

/** A pool whose source keeps what it read, and counts how often it read. */
function openPool(readCurrent = () => current): { pool: PasswordPool; reads: string[] } {
  const reads: string[] = [];
  let known: string | undefined;
  const source = {
    async read() {
      if (known !== undefined) return known;
      known = readCurrent();
      reads.push(known);
      return known;
    },
    forget() {
      known = undefined;
    },
  };
  const config = { host: url.hostname, port: Number(url.port), database: url.pathname.slice(1), user: ROLE, idleTimeoutMillis: 1 };
  return { pool: new PasswordPool(config, source), reads };
}

test('a password that changed since it was read is read anew, once, and nobody notices', async () => {
  const { pool, reads } = openPool();
  expect((await pool.query('SELECT current_user AS name')).rows).toEqual([{ name: ROLE }]);
  await rotate('second');
  // Held together, so that each is a connection of its own.
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

test('a password that is wrong where it is kept is an error, after two tries', async () => {
  const { pool, reads } = openPool(() => 'wrong');
  await expect(pool.query('SELECT 1')).rejects.toMatchObject({ code: '28P01' });
  await expect(pool.connect()).rejects.toMatchObject({ code: '28P01' });
  expect(reads).toHaveLength(3);
  await pool.end();
});

test('another error is not tried again', async () => {
  const { pool } = openPool();
  await expect(pool.query('SELECT nonsense')).rejects.toMatchObject({ code: '42703' });
  await pool.end();
});
