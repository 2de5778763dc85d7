import { afterEach, expect, test } from '@jest/globals';
import { type GatewayService, startGatewayService } from '../../support/gateway.ts';

/** A job store whose connections break while a session is renewed; refresh tokens rotate, so a reply that is lost ends the grant. */
let service: GatewayService;

afterEach(() => service[Symbol.asyncDispose]());

test('a new refresh token survives broken connections to Postgres', async () => {
  service = await startGatewayService({ salesforce: { rotateRefreshTokens: true } });
  const user_id = await service.connect();
  await service.call('create_importing_job', { user_id, object_name: 'Account', start_date: '2023-03-01' });
  let cuts = 0;
  service.login.handler = async (call, pass) => {
    const reply = await service.passLogin(call, pass);
    if (call.body.includes('grant_type=refresh_token') && cuts++ === 0) {
      await service.database.pool.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'idle in transaction'`,
      );
    }
    return reply;
  };
  const expire = (): Promise<unknown> => fetch(`${service.salesforce.instanceUrl}/emulator/sessions/expire`, { method: 'POST' });
  await expire();
  await service.tickAt('2023-03-11T00:10:00Z');
  expect(cuts).toBe(1);
  expect(await service.jobs()).toMatchObject([{ last_date: '2023-03-11', needs_login: false }]);
  // What was stored is the newest refresh token: the next renewal works, once another is due.
  await service.database.pool.query('UPDATE connections SET renewed_at = NULL');
  await expire();
  await service.tickAt('2023-03-12T00:10:00Z');
  expect(await service.jobs()).toMatchObject([{ last_date: '2023-03-12', needs_login: false }]);
});
