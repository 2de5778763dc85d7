import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from '@jest/globals';
import { type GatewayService, jsonReply, startGatewayService } from '../support/gateway.ts';
import type { TestServiceOptions } from '../support/service.ts';

let service: GatewayService;
let userId: string;

afterEach(() => service[Symbol.asyncDispose]());

/** Starts the service with a connection that has jobs for these objects. */
async function start(objects: string[], options: TestServiceOptions = {}): Promise<void> {
  service = await startGatewayService(options);
  userId = await service.connect();
  for (const object of objects) {
    await service.call('create_importing_job', { user_id: userId, object_name: object, start_date: '2023-03-01' });
  }
}

/** Ends the grant in Salesforce: the next call's session is refused, and so is its renewal. */
async function endGrant(): Promise<void> {
  service.login.handler = (call, pass) =>
    call.body.includes('grant_type=refresh_token')
      ? jsonReply(400, { error: 'invalid_grant', error_description: 'expired access/refresh token' })
      : service.passLogin(call, pass);
  await fetch(`${service.salesforce.instanceUrl}/emulator/sessions/expire`, { method: 'POST' });
}

describe('a grant that has ended', () => {
  test('is shown with its cause on every job, and a login continues all of them without a tick', async () => {
    await start(['Account', 'Lead'], { env: { RUNS_PER_CONNECTION: '1' } });
    await endGrant();
    await service.tickAt('2023-03-10T00:10:00Z');
    const cause = { code: 'needs_login', message: expect.stringContaining('invalid_grant: expired access/refresh token') };
    const ended = { state: 'needs_login', needs_login: true, login_error: { ...cause, since: expect.any(String) } };
    expect(await service.jobs()).toMatchObject([ended, ended]);
    // Its windows are requested when the user logs in, though no tick can request them before.
    await service.tickAt('2023-03-20T00:10:00Z');

    service.login.handler = service.passLogin;
    await service.connect();
    while ((await service.jobs()).some(({ last_date, state }) => last_date !== '2023-03-20' || state !== 'complete')) await sleep(20);
    const recovered = { needs_login: false, login_error: null, last_date: '2023-03-20' };
    expect(await service.jobs()).toMatchObject([recovered, recovered]);
  });

  test('a login of an active connection requests no window', async () => {
    await start(['Account']);
    service.salesforce.clock.set(new Date('2023-03-20T00:10:00Z'));
    await service.connect();
    expect(await service.jobs()).toMatchObject([{ last_date: '2023-03-01', run: null }]);
  });
});
