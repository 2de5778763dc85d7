import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { keepTicking } from '../../../app/actions/keep-ticking.ts';
import { startService } from '../../support/service.ts';

test('a service without a schedule imports what is due', async () => {
  await using service = await startService();
  const userId = await service.connect();
  await service.call('create_importing_job', { user_id: userId, object_name: 'User', start_date: '2023-03-01' });
  service.salesforce.clock.set(new Date('2023-03-02T00:10:00Z'));
  const ticks = keepTicking(service.context);
  while ((await service.jobs())[0]!.last_date !== '2023-03-02') await sleep(20);
  ticks.stop();
});

test('a failed tick is logged, and the service keeps running', async () => {
  await using service = await startService({ worker: false });
  await service.database.pool.query('ALTER TABLE jobs RENAME TO lost');
  const ticks = keepTicking(service.context);
  while (!service.logged.some((line) => line.includes('"event":"tick_failed"'))) await sleep(10);
  ticks.stop();
  await service.database.pool.query('ALTER TABLE lost RENAME TO jobs');
  expect((await service.call('healthz')).text).toBe('OK');
});
