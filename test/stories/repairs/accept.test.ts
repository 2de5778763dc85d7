import { afterEach, expect, test } from '@jest/globals';
import { type GatewayService, startGatewayService } from '../../support/gateway.ts';
import { type Answer, readAnswer } from '../../support/service.ts';
import { expectWholeTable } from '../../support/whole-table.ts';

/** An operator accepts the verdict with which a run failed. */
let service: GatewayService;

afterEach(() => service[Symbol.asyncDispose]());

const BULK = { restRows: 0 };

async function start(): Promise<void> {
  service = await startGatewayService({ limits: BULK });
  service.salesforce.clock.set(new Date('2023-03-05T10:00:00Z'));
  await service.call('create_importing_job', { user_id: await service.connect(), object_name: 'Account', start_date: '2023-03-01' });
}

/** From now on, Salesforce counts more rows than it returns. */
function countMore(rows: number): void {
  service.instance.handler = async (call, pass) => {
    const reply = await pass();
    if (!call.soql.startsWith('SELECT ') || !call.url.includes('/query')) return reply;
    return { ...reply, body: reply.body.replace(/"totalSize":(\d+)/, (_, total) => `"totalSize":${Number(total) + rows}`) };
  };
}

const job = async () => (await service.jobs())[0]!;

async function accept(id: string): Promise<Answer & { run: Record<string, unknown> }> {
  const answer = await readAnswer(await fetch(`${service.url}/v1/runs/${id}/accept`, { method: 'POST' }));
  return { ...answer, run: JSON.parse(answer.text) as Record<string, unknown> };
}

/** The latest run, once it has ended. */
async function ended() {
  await service.call('handle_importing_job', { wait: '50' });
  return await job();
}

test('that Salesforce counts more rows than it returns, and the receipt names who accepted it', async () => {
  await start();
  countMore(5);
  expect((await service.tickAt('2023-03-20T00:10:00Z')).text).toContain('Not complete');
  const failed = (await job()).run!;
  expect(failed).toMatchObject({ state: 'failed', error: { code: 'count_mismatch' } });
  expect(failed.error!.message).toMatch(/were extracted\. To import .* accept this: POST \/v1\/runs\/[-\w]+\/accept\.$/);
  const { status, run } = await accept(failed.id);
  expect(status).toBe(200);
  expect(run).toMatchObject({ object_name: 'Account', kind: 'window', from: '2023-03-01', to: '2023-03-20', error: null });
  const after = await ended();
  expect(after).toMatchObject({ last_date: '2023-03-20', run: { id: run.id, state: 'succeeded' } });
  expect(after.run!.actions).toEqual([{ action: 'accept', by: 'local', at: expect.any(String) }]);
  expect(after.run!.receipt).toMatchObject({ accepted_by: 'local', verdict: expect.stringMatching(/^accepted: Salesforce counted \d+/) });
  expect(after).toMatchObject({ reread_from: null });
  const event = service.logged.map((line) => JSON.parse(line)).find((line) => line.event === 'run_accepted');
  expect(event).toMatchObject({ run: failed.id, next_run: run.id, error_code: 'count_mismatch', rows: 5, by: 'local' });
  service.instance.handler = (_call, pass) => pass();
  await service.tickAt('2023-03-21T00:10:00Z');
  expect((await job()).run!.receipt.accepted_by).toBeUndefined();
  await expectWholeTable(service, 'Account', '2023-03-21');
});

test('does not cover a larger difference', async () => {
  await start();
  countMore(5);
  await service.tickAt('2023-03-20T00:10:00Z');
  const failed = (await job()).run!;
  await service.stopWorker();
  const { run } = await accept(failed.id);
  countMore(6);
  service.startWorker();
  expect((await ended()).last_date).toBe('2023-03-01');
  const { rows } = await service.database.pool.query('SELECT state, acceptable_rows FROM runs WHERE id = $1', [run.id]);
  expect(rows).toEqual([{ state: 'failed', acceptable_rows: 6 }]);
});

test('reaches a run that a tick has queued meanwhile', async () => {
  await start();
  countMore(5);
  await service.tickAt('2023-03-20T00:10:00Z');
  const failed = (await job()).run!;
  await service.stopWorker();
  await service.call('handle_importing_job');
  const queued = (await job()).run!;
  expect(queued.id).not.toBe(failed.id);
  expect((await accept(failed.id)).run.id).toBe(queued.id);
  service.startWorker();
  expect(await ended()).toMatchObject({ last_date: '2023-03-20', run: { id: queued.id, state: 'succeeded' } });
});

test('is refused for a run that did not fail with a verdict', async () => {
  await start();
  service.instance.handler = async (call, pass) => {
    if (!call.url.endsWith('/describe')) return await pass();
    return { status: 400, headers: {}, body: '[{"errorCode":"INVALID_TYPE","message":"no"}]' };
  };
  await service.tickAt('2023-03-20T00:10:00Z');
  const failed = (await job()).run!;
  expect(failed.state).toBe('failed');
  expect(await accept(failed.id)).toMatchObject({ status: 409, code: 'conflict', text: expect.stringContaining('not a verdict') });
  service.instance.handler = (_call, pass) => pass();
  await service.tickAt('2023-03-20T00:20:00Z');
  const succeeded = (await job()).run!;
  await service.stopWorker();
  service.salesforce.clock.set(new Date('2023-03-21T00:10:00Z'));
  await service.call('handle_importing_job');
  const { run } = await job();
  await service.database.pool.query(`UPDATE runs SET state = 'running', started_at = now() WHERE id = $1`, [run!.id]);
  expect((await accept(run!.id)).text).toContain('The run is already running. Only a run that failed with a verdict can be accepted.');
  expect(await accept(succeeded.id)).toMatchObject({ status: 409, code: 'conflict', text: expect.stringContaining('has been imported') });
});
