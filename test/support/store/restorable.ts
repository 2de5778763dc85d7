import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from '@jest/globals';
import { acceptRestore } from '../../../app/actions/accept-restore.ts';
import type { Context } from '../../../app/context.ts';
import type { AcceptedStore } from '../../../app/store/installation.ts';
import { publishOutbox } from '../../../app/sync/watch/publish-outbox.ts';
import { type Call, type GatewayService, startGatewayService } from '../gateway.ts';
import { repairEnded, type TestServiceOptions } from '../service.ts';
import { type Dump, restoreStore } from './dump.ts';

/** How often the services of these tests compare their job store with BigQuery. */
export const AGREEMENT_MS = 50;

/** A service whose job store is restored or copied. Others may run on copies of it: by default, the functions concern its own context. */
export interface RestorableService extends GatewayService {
  /** the connected user */
  userId: string;
  /** Writes the metadata tables and the heartbeat. */
  publish(context?: Context): Promise<void>;
  /** The sessions of all connections expire: the next call renews them. */
  expireSessions(): Promise<void>;
  /** the requests that presented a refresh token */
  renewals(): Call[];
  /** Imports the 10th of March, for which the session is renewed and the object gets a field. */
  importNextDay(): Promise<void>;
  /** Restores the job store in place, while nothing runs, and starts a worker, which halts. */
  restore(dump: Dump): Promise<void>;
  /** The job store that wrote the heartbeat has been silent for 20 minutes. */
  silence(): Promise<void>;
  accept(context?: Context): Promise<AcceptedStore>;
}

/** A service that has imported Account until the 10th of March, and has written its first heartbeat. */
export async function startRestorable(options: TestServiceOptions = {}, deletes = 'keep'): Promise<RestorableService> {
  const started = await startGatewayService({
    salesforce: { rotateRefreshTokens: true },
    ...options,
    limits: { agreementMs: AGREEMENT_MS, outboxMs: 1, ...options.limits },
  });
  const userId = await started.connect();
  const { pool } = started.database;
  const service: RestorableService = {
    ...started,
    userId,
    publish: (context = started.context) => publishOutbox(context, new AbortController().signal),
    async expireSessions() {
      await pool.query('UPDATE connections SET renewed_at = NULL');
      await fetch(`${started.salesforce.instanceUrl}/emulator/sessions/expire`, { method: 'POST' });
    },
    renewals: () => started.login.calls.filter(({ body }) => body.includes('grant_type=refresh_token')),
    async importNextDay() {
      started.salesforce.org.changeField('Account', { field: 'Later__c', change: 'add', type: 'double' });
      started.context.describes.forget(1, 'Account');
      await service.expireSessions();
      expect((await started.tickAt('2023-03-11T00:10:00Z')).text).toMatch(/^OK/);
      await repairEnded(started);
      await service.publish();
    },
    async restore(dump) {
      await started.stopWorker();
      await restoreStore(pool, dump);
      started.login.calls.length = 0;
      await sleep(AGREEMENT_MS);
      started.startWorker();
      await until(() => started.context.agreement.last.kind === 'halted');
    },
    async silence() {
      await started.rows(
        'UPDATE salesforce._installation SET heartbeat_at = TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 20 MINUTE) WHERE TRUE',
      );
    },
    async accept(context = started.context) {
      const accepted = await acceptRestore(context, 'ops', new AbortController().signal);
      await until(async () => (await context.agreement.current()).kind === 'agrees');
      return accepted;
    },
  };
  const job = { user_id: userId, object_name: 'Account', start_date: '2023-03-01', deletes };
  await service.call('create_importing_job', job);
  await service.tickAt('2023-03-10T00:10:00Z');
  await service.publish();
  return service;
}

export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(10);
}
