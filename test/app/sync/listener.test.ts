import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import pg from 'pg';
import { startService, type TestService } from '../../support/service.ts';

const LISTENERS = `FROM pg_stat_activity WHERE datname = $1 AND query LIKE 'LISTEN%'`;

let service: TestService;
let admin: pg.Client;
let database: string;
beforeEach(async () => {
  service = await startService();
  admin = new pg.Client({ connectionString: process.env.TEST_POSTGRES_URL! });
  await admin.connect();
  database = new URL(service.database.url).pathname.slice(1);
  await listening();
});
afterEach(async () => {
  await service[Symbol.asyncDispose]();
  await admin.end();
});

/** Waits for the server process of the connection that listens for runs, other than `before`. */
async function listening(before?: number): Promise<number> {
  for (;;) {
    const { rows } = await admin.query<{ pid: number }>(`SELECT pid ${LISTENERS}`, [database]);
    const pid = rows.find((row) => row.pid !== before)?.pid;
    if (pid !== undefined) return pid;
    await sleep(10);
  }
}

const endListener = (): Promise<unknown> => admin.query(`SELECT pg_terminate_backend(pid) ${LISTENERS}`, [database]);

test('the worker listens again after Postgres closes its connection', async () => {
  const first = await listening();
  await endListener();
  expect(await listening(first)).not.toBe(first);
});

test('the service stops even if Postgres closes the connection at the same moment', async () => {
  const { database: pool } = service.context;
  // The worker is idle: only its listening connection is in use.
  while (pool.idleCount !== pool.totalCount - 1) await sleep(10);
  const ended = endListener();
  await new Promise((resolve) => process.nextTick(resolve));
  // Blocks the event loop, so that Postgres's termination message is still unread when the worker releases its connection.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
  await service.stopWorker();
  await ended;
  const { rows } = await service.database.pool.query('SELECT 1 AS one');
  expect(rows).toEqual([{ one: 1 }]);
});
