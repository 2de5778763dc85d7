import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';

/** As the npm scripts do it: a shell that becomes the service. */
const START = 'exec "$(node app/node26.cjs)" app/cli.ts';
const { PATH, HOME } = process.env;

interface Ended {
  code: number | null;
  output: string;
}

const started: ChildProcess[] = [];
// A test that failed half-way must not leave what it started; the sandbox goes with its service.
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});

function start(command: string, env: NodeJS.ProcessEnv = {}): ChildProcess {
  const child = spawn('sh', ['-c', `${START} ${command}`], {
    env: { PATH, HOME, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  started.push(child);
  return child;
}

async function ended(child: ChildProcess): Promise<Ended> {
  let output = '';
  child.stdout!.on('data', (text) => (output += text));
  child.stderr!.on('data', (text) => (output += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output };
}

/** The URL at which a service listens, from its log. */
async function listening(child: ChildProcess): Promise<string> {
  for await (const line of createInterface({ input: child.stdout! })) {
    if (line.includes('"event":"listening"')) return `http://127.0.0.1:${(JSON.parse(line) as { port: number }).port}`;
  }
  throw new Error('the service ended before it listened');
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function allGone(pids: number[]): Promise<void> {
  while (pids.some(isRunning)) await new Promise((resolve) => setTimeout(resolve, 20));
}

describe('the command line', () => {
  test('names its commands', async () => {
    const { code, output } = await ended(start('unknown'));
    expect(code).toBe(2);
    for (const command of ['serve', 'migrate', 'query', 'sandbox', 'demo']) expect(output).toContain(command);
  });

  test('serve without --local names everything that is missing, and does not start', async () => {
    const { code, output } = await ended(start('serve', { TOKEN_KEYS: 'not-a-key-but-secret' }));
    expect(code).toBe(2);
    for (const name of [
      'DATABASE_URL',
      'SALESFORCE_LOGIN_URL',
      'SALESFORCE_CLIENT_ID',
      'SALESFORCE_CLIENT_SECRET',
      'GOOGLE_CLOUD_PROJECT',
      'BIGQUERY_LOCATION',
      'TOKEN_KEYS',
      'API_KEYS',
    ]) {
      expect(output).toContain(name);
    }
    expect(output).not.toContain('not-a-key-but-secret');
    expect(output).not.toContain('listening');
  });
});

describe('serve --local', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'salesforce-bigquery-cli-'));
    await chmod(folder, 0o711);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const sandboxPids = async (): Promise<number[]> => {
    const { pid } = JSON.parse(await readFile(join(folder, 'sandbox.json'), 'utf8')) as { pid: number };
    const postmaster = await readFile(join(folder, 'postgres', 'cluster', 'postmaster.pid'), 'utf8');
    return [pid, Number(postmaster.split('\n')[0])];
  };

  test('leaves no process after a TERM, nor after being killed; what it kept is there when it comes back', async () => {
    const first = start(`serve --local --data ${folder}`, { PORT: '0' });
    const url = await listening(first);
    expect(await (await fetch(`${url}/healthz`)).text()).toBe('OK');
    const firstPids = [first.pid!, ...(await sandboxPids())];
    const key = await readFile(join(folder, 'token-key'), 'utf8');
    first.kill('SIGTERM');
    expect((await ended(first)).code).toBe(0);
    await allGone(firstPids);

    const second = start(`serve --local --data ${folder}`, { PORT: '0' });
    await listening(second);
    expect(await readFile(join(folder, 'token-key'), 'utf8')).toBe(key);
    const secondPids = [second.pid!, ...(await sandboxPids())];
    second.kill('SIGKILL');
    await allGone(secondPids);
  });

  test('a second one attaches to the sandbox of the first, and query asks it', async () => {
    const first = start(`serve --local --data ${folder}`, { PORT: '0' });
    await listening(first);
    const pids = await sandboxPids();
    const second = start(`serve --local --data ${folder}`, { PORT: '0' });
    await listening(second);
    expect(await sandboxPids()).toEqual(pids);
    second.kill('SIGTERM');
    expect((await ended(second)).code).toBe(0);
    expect(pids.every(isRunning)).toBe(true);
    const { code, output } = await ended(start(`query --data ${folder} "SELECT 40 + 2 AS answer"`));
    expect(output).toContain('42');
    expect(code).toBe(0);
    first.kill('SIGTERM');
    expect((await ended(first)).code).toBe(0);
    await allGone(pids);
  });
});
