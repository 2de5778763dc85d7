import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { createContext } from '../../app/context.ts';
import { createApp } from '../../app/http/app.ts';
import { type Answer, REDIRECT_URI, readAnswer, startService, type TestService } from '../support/service.ts';

/** What a user should see and does not yet. Each of these fails until the service does it. */
let service: TestService;

afterEach(() => service[Symbol.asyncDispose]());

async function createJob(objectName: string): Promise<Record<string, string>> {
  const job = { user_id: await service.connect(), object_name: objectName };
  await service.call('create_importing_job', { ...job, start_date: '2023-03-01' });
  return job;
}

test('a tick with nothing newly due writes to no job, of 1,000', async () => {
  service = await startService({ worker: false });
  await createJob('Account');
  const { pool } = service.database;
  await pool.query(
    `INSERT INTO jobs (connection_id, object_name, cursor_field, target_dataset, target_table, start_date, synced_to, wanted_to)
     SELECT 1, 'Fake' || n || '__c', 'SystemModstamp', 'salesforce', 'Fake' || n || '__c', '2023-03-01', '2023-03-19', '2023-03-19'
     FROM generate_series(1, 1000) AS n`,
  );
  service.salesforce.clock.set(new Date('2023-03-20T00:10:00Z'));
  await service.call('handle_importing_job');
  const versions = async (): Promise<object[]> => (await pool.query('SELECT id, xmin::text FROM jobs ORDER BY id')).rows;
  const before = await versions();
  expect(await service.call('handle_importing_job')).toMatchObject({ status: 200, text: 'OK' });
  expect(await versions()).toEqual(before);
});

describe('token keys and verifiers', () => {
  /** The answer to a call of the same service with other token keys. */
  async function answerUnder(tokenKeys: Buffer[], path: string, fields: Record<string, string>): Promise<Answer> {
    const { config, events, limits } = service.context;
    const context = createContext({ ...config, tokenKeys }, events, limits);
    const server = createServer(createApp(context).callback()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/${path}`;
    const answer = await readAnswer(await fetch(url, { method: 'POST', body: new URLSearchParams(fields) }));
    server.closeAllConnections();
    server.close();
    await context.close();
    return answer;
  }

  test.failing('two open logins have a PKCE challenge each', async () => {
    service = await startService({ worker: false });
    const challenge = async (): Promise<string | null> =>
      new URL((await service.call('get_oauth_url', { redirect_uri: REDIRECT_URI })).text).searchParams.get('code_challenge');
    expect(await challenge()).not.toBe(await challenge());
  });

  test.failing('a login that is open under a removed key does not keep others from logging in', async () => {
    service = await startService({ worker: false });
    await service.call('get_oauth_url', { redirect_uri: REDIRECT_URI });
    expect((await answerUnder([randomBytes(32)], 'get_oauth_url', { redirect_uri: REDIRECT_URI })).status).toBe(200);
  });
});
