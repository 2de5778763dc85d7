import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { recordProcess } from '../../../app/sync/watch/record-process.ts';
import { API_KEYS, ConsoleBrowser, textOf } from '../../support/console.ts';
import { startService, type TestService } from '../../support/service.ts';

let service: TestService;
let browser: ConsoleBrowser;
beforeAll(async () => {
  service = await startService({ worker: false });
  browser = new ConsoleBrowser(service.url);
});
afterAll(() => service[Symbol.asyncDispose]());

const query = (sql: string) => service.database.pool.query(sql);

describe('workers', () => {
  test('are the processes that report themselves, until they end', async () => {
    expect(textOf(await browser.page('/workers'))).toContain('No process has reported itself yet.');
    const record = recordProcess(service.context);
    const page = await browser.waitFor('/workers', / alive \d+\.\d+\.\d+ now now/);
    expect(textOf(page)).toMatch(/Processes 1 4 runs at a time/);
    await record.stop();
    expect(textOf(await browser.page('/workers'))).toContain('No process has reported itself yet.');
  });

  test('that ended without a word are shown as lost, for a day', async () => {
    await query(`INSERT INTO processes (id, host, version, started_at, heartbeat_at) VALUES
      (gen_random_uuid(), 'crashed', '0.1.0', now() - interval '2 hours', now() - interval '1 hour'),
      (gen_random_uuid(), 'forgotten', '0.1.0', now() - interval '3 days', now() - interval '2 days')`);
    const record = recordProcess(service.context);
    const page = await browser.waitFor('/workers', / alive /);
    expect(textOf(page)).toMatch(/crashed lost 0\.1\.0 2 h ago 1 h ago/);
    await record.stop();
    expect(textOf(await browser.page('/workers'))).not.toContain('forgotten');
  });

  test('show the runs in progress with their leases, and what waits', async () => {
    const userId = await service.connect();
    for (const object_name of ['Account', 'Contact'])
      await service.call('create_importing_job', { user_id: userId, object_name, start_date: '2023-02-01' });
    await service.call('handle_importing_job');
    expect(textOf(await browser.page('/workers'))).toMatch(/In progress 0 .* Due 2 /);
    await query(`UPDATE runs SET state = 'running', attempt = 3, started_at = now(), lease_until = now() + interval '50 seconds'
      WHERE id = (SELECT runs.id FROM runs JOIN jobs ON jobs.id = job_id WHERE object_name = 'Account')`);
    expect(textOf(await browser.page('/workers'))).toMatch(/In progress 1 .* Due 1 .*Account : window 3 now ends in \d+ s/);
    await query(`UPDATE runs SET lease_until = now() - interval '1 minute' WHERE state = 'running'`);
    expect(textOf(await browser.page('/workers'))).toMatch(/Account : window 3 .* lost 1 min ago/);
  });

  test('are shown to a key of role read', async () => {
    await using keyed = await startService({ worker: false, local: false, env: { API_KEYS } });
    const reader = new ConsoleBrowser(keyed.url);
    await reader.signIn('read-key');
    expect(await reader.page('/workers')).toMatchObject({ status: 200 });
  });
});
