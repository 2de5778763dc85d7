import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { startService } from '../support/service.ts';
import { serviceEnvironment } from '../support/service-environment.ts';

/** Throws an uncaught error on SIGUSR2. */
const BOMB = `process.on('SIGUSR2',()=>{throw/**/new/**/Error('Ja'+'ne')})`;

test('an uncaught error is one log line, and the process exits after it releases its runs', async () => {
  await using service = await startService({ worker: false });
  const user_id = await service.connect();
  await service.call('create_importing_job', { user_id, object_name: 'Account', start_date: '2023-03-01' });
  const fault = { kind: 'stall', match: { path: '/queryAll' }, times: 100 };
  const headers = { 'content-type': 'application/json' };
  await fetch(`${service.salesforce.instanceUrl}/emulator/faults`, { method: 'POST', body: JSON.stringify(fault), headers });
  service.salesforce.clock.set(new Date('2023-03-11T00:10:00Z'));
  await service.call('handle_importing_job');

  const data = await mkdtemp(join(tmpdir(), 'uncaught-'));
  const { PATH, HOME, NODE_COMPILE_CACHE } = process.env;
  const child = spawn('sh', ['-c', `exec "$(node app/node26.cjs)" app/cli.ts serve --local --data ${data}`], {
    env: {
      PATH,
      HOME,
      NODE_COMPILE_CACHE,
      PORT: '0',
      NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(BOMB)}`,
      SCHEDULE_CLOCK_URL: `${service.salesforce.instanceUrl}/emulator/clock`,
      ...serviceEnvironment(service.database.url, service.salesforce, service.bigquery),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  try {
    let output = '';
    child.stdout.on('data', (text) => (output += text));
    child.stderr.on('data', (text) => (output += text));
    const runs = async (): Promise<object[]> => (await service.database.pool.query('SELECT state, failures FROM runs')).rows;
    while (!JSON.stringify(await runs()).includes('running')) {
      if (child.exitCode !== null) throw new Error(output);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    child.kill('SIGUSR2');
    const [code] = await once(child, 'close');
    expect(code).toBe(1);
    expect(await runs()).toEqual([{ state: 'queued', failures: 0 }]);
    const lines = output.split('\n').filter((line) => line.includes('uncaught_error'));
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0]!)).toMatchObject({ level: 'fatal', error_cause: { name: 'Error' } });
    expect(output).not.toContain('Jane');
  } finally {
    child.kill('SIGKILL');
    await rm(data, { recursive: true });
  }
});
