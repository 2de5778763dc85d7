import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { succeedRun } from '../../../app/store/runs/end-run.ts';
import { saveProgress } from '../../../app/store/runs/runs.ts';
import { saveTableWrite, takeTable } from '../../../app/store/runs/table-writes.ts';
import { claimRun } from '../../support/claim-run.ts';
import { type GatewayService, jsonReply, startGatewayService } from '../../support/gateway.ts';
import type { Answer } from '../../support/service.ts';
import { expectWholeTable } from '../../support/whole-table.ts';

/** A second user of the org goes on with the job of the first one. */
let service: GatewayService;
let first: string;

beforeEach(async () => {
  service = await startGatewayService({ worker: false, env: { BIGQUERY_DATASETS: 'salesforce,other' } });
  first = await service.connect();
});
afterEach(() => service[Symbol.asyncDispose]());

const create = (user_id: string, more: Record<string, string> = {}): Promise<Answer> =>
  service.call('create_importing_job', { user_id, object_name: 'Account', start_date: '2023-03-01', ...more });

/** Connects the org again, as another user, or as a user of another org. The first user can log in no more. */
async function connectOther(which: 'user' | 'org' = 'user'): Promise<string> {
  const { org } = service.salesforce;
  const [mine, other] = which === 'user' ? [org.users[0]!, org.users[1]!] : [org.id, '00D000000000009EAA'];
  service.login.handler = async (call, pass) => {
    const reply = await service.passLogin(call, pass);
    return { ...reply, body: reply.body.replaceAll(mine, other) };
  };
  return await service.connect();
}

async function deactivateFirst(): Promise<void> {
  service.login.handler = () => jsonReply(400, { error: 'invalid_grant', error_description: 'inactive user' });
  await fetch(`${service.salesforce.instanceUrl}/emulator/sessions/expire`, { method: 'POST' });
}

const logged = (event: string): Record<string, unknown>[] =>
  service.logged.map((line) => JSON.parse(line) as Record<string, unknown>).filter((line) => line.event === event);

test('continues at last_date in the same table if the first user left', async () => {
  service.startWorker();
  await create(first);
  await service.tickAt('2023-03-10T00:10:00Z');
  await deactivateFirst();
  expect((await service.tickAt('2023-03-11T00:10:00Z')).text).toMatch(/waits for a login/);
  const second = await connectOther();
  expect(await create(second, { object_name: 'ACCOUNT' })).toMatchObject({ status: 200, text: 'OK' });
  expect(await create(second)).toMatchObject({ status: 200, text: 'OK' });
  const [job, ...others] = await service.jobs();
  expect(others).toEqual([]);
  expect(job).toMatchObject({ user_id: second, last_date: '2023-03-10', run: { state: 'cancelled', error: { code: 'taken_over' } } });
  expect((await service.tickAt('2023-03-12T00:10:00Z')).text).toMatch(/^OK: Account is complete through 2023-03-12/);
  expect((await service.jobs())[0]).toMatchObject({ run: { from: '2023-03-10', to: '2023-03-12' } });
  await expectWholeTable(service, 'Account', '2023-03-12');
  expect(logged('job_taken_over')).toMatchObject([{ object: 'Account', from_connection: 1, connection: 2, fields_lost: [] }]);
});

test('needs take_over=true while the first user is connected', async () => {
  await create(first);
  const second = await connectOther();
  const refused = await create(second);
  expect(refused).toMatchObject({ status: 409, code: 'conflict' });
  expect(refused.text).toContain('add take_over=true');
  expect(await create(second, { take_over: 'true' })).toMatchObject({ status: 200, text: 'OK' });
  expect(await service.jobs()).toMatchObject([{ user_id: second }]);
  // The first one's turn: it is no longer theirs, and the second one is connected.
  expect(await create(first)).toMatchObject({ status: 409, code: 'conflict' });
  expect(await service.call('pause_importing_job', { user_id: first, object_name: 'Account' })).toMatchObject({ status: 404 });
});

test('cancels the open run and fences its writes', async () => {
  await create(first);
  service.salesforce.clock.set(new Date('2023-03-10T00:10:00Z'));
  await service.call('handle_importing_job');
  const run = (await claimRun(service.database.pool, 60, 1))!;
  const jobId = `sync_${run.runId.replaceAll('-', '')}_merge_1`;
  await takeTable(service.database.pool, run);
  await saveTableWrite(service.database.pool, run, jobId);
  await create(await connectOther(), { take_over: 'true' });
  await expect(saveProgress(service.database.pool, { ...run, failures: 1 })).rejects.toMatchObject({ code: 'lease_lost' });
  await expect(succeedRun(service.database.pool, run, {})).rejects.toMatchObject({ code: 'lease_lost' });
  expect((await service.jobs())[0]!.last_date).toBe('2023-03-01');
  service.startWorker();
  expect((await service.tickAt('2023-03-10T00:20:00Z')).text).toMatch(/^OK: /);
  await expectWholeTable(service, 'Account', '2023-03-10');
  const late = {
    jobId,
    location: 'EU',
    configuration: { query: { query: 'SELECT 1', useLegacySql: false } },
  };
  await expect(service.client.createJob(late)).rejects.toMatchObject({ code: 409 });
});

test('names the fields hidden from the new user', async () => {
  service.startWorker();
  await create(first);
  await service.tickAt('2023-03-10T00:10:00Z');
  service.salesforce.org.changeField('Account', { field: 'Phone', change: 'hide' });
  const second = await connectOther();
  expect(await create(second, { take_over: 'true' })).toMatchObject({ status: 200 });
  expect(logged('job_taken_over')).toMatchObject([{ fields_lost: ['Phone'] }]);
  expect((await service.tickAt('2023-03-11T00:10:00Z')).text).toMatch(/^OK: /);
  expect((await service.jobs())[0]!.run!.receipt).toMatchObject({ columns_orphaned: ['Phone'] });
});

describe('is refused', () => {
  test('if the cursor field is hidden from the new user', async () => {
    await create(first);
    service.salesforce.org.changeField('Account', { field: 'SystemModstamp', change: 'hide' });
    const answer = await create(await connectOther(), { take_over: 'true' });
    expect(answer).toMatchObject({ status: 400, code: 'invalid_request' });
    expect(answer.text).toContain('needs SystemModstamp');
    expect(await service.jobs()).toMatchObject([{ user_id: first }]);
  });

  test('if the fields differ from those of the job', async () => {
    await create(first);
    const second = await connectOther();
    const answer = await create(second, { start_date: '2023-02-01', take_over: 'true' });
    expect(answer).toMatchObject({ status: 409, code: 'conflict' });
    expect(answer.text).toContain('start_date=2023-03-01');
  });
});

test('another dataset is another job', async () => {
  await create(first);
  const second = await connectOther();
  expect(await create(second, { dataset: 'other' })).toMatchObject({ status: 200, text: 'OK' });
  expect(await service.jobs()).toMatchObject([{ user_id: first }, { user_id: second, table: 'other.Account' }]);
});

test('another org takes over neither a job nor its table', async () => {
  await create(first);
  await deactivateFirst();
  const stranger = await connectOther('org');
  for (const more of [{}, { take_over: 'true' }]) {
    const answer = await create(stranger, more);
    expect(answer).toMatchObject({ status: 409, code: 'conflict' });
    expect(answer.text).toMatch(/another org already imports into salesforce\.Account, .*\. Choose another dataset/);
  }
  expect(await create(stranger, { dataset: 'other' })).toMatchObject({ status: 200 });
  expect(await service.jobs()).toMatchObject([
    { user_id: first, last_date: '2023-03-01' },
    { user_id: stranger, last_date: '2023-03-01', table: 'other.Account' },
  ]);
});
