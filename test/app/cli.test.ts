import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { readEndpoints } from '../../app/local/emulators/emulators.ts';
import { decide, REDIRECT_URI } from '../support/service.ts';

/** As the npm scripts start it: a shell that execs the service. */
const START = 'exec "$(node app/node26.cjs)" app/cli.ts';
const { PATH, HOME, NODE_COMPILE_CACHE } = process.env;

interface Ended {
  code: number | null;
  output: string;
}

const started: ChildProcess[] = [];
// A failed test must not leave processes behind; the emulators stop with their service.
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});

/** What each process has written so far, and when it closes. */
const outputs = new WeakMap<ChildProcess, string>();
const ends = new WeakMap<ChildProcess, Promise<unknown>>();

function start(command: string, env: NodeJS.ProcessEnv = {}): ChildProcess {
  const child = spawn('sh', ['-c', `${START} ${command}`], {
    env: { PATH, HOME, NODE_COMPILE_CACHE, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  started.push(child);
  ends.set(child, once(child, 'close'));
  outputs.set(child, '');
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => outputs.set(child, outputs.get(child)! + text));
  return child;
}

async function ended(child: ChildProcess): Promise<Ended> {
  await ends.get(child);
  return { code: child.exitCode, output: outputs.get(child)! };
}

/** Waits until a process has written text that matches. */
async function waitForOutput(child: ChildProcess, pattern: RegExp): Promise<RegExpExecArray> {
  for (;;) {
    const found = pattern.exec(outputs.get(child)!);
    if (found) return found;
    if (child.exitCode !== null) throw new Error(`The process ended before it wrote ${pattern}:\n${outputs.get(child)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The URL at which a service listens, from its log. */
async function listening(child: ChildProcess): Promise<string> {
  const [, port] = await waitForOutput(child, /"event":"listening".*"port":(\d+)/);
  return `http://127.0.0.1:${port}`;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function allExited(pids: number[]): Promise<void> {
  while (pids.some(isRunning)) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** The single line that a refused command prints. */
async function refusal(child: ChildProcess): Promise<string> {
  const { code, output } = await ended(child);
  expect(code).toBe(2);
  expect(output.trimEnd().split('\n')).toHaveLength(1);
  return output;
}

const COMMANDS = [
  'serve',
  'connect',
  'migrate',
  'doctor',
  'query',
  'jobs',
  'preview',
  'sync-now',
  'change',
  'runs',
  'run',
  'watch',
  'connections',
  'connect-links',
  'dbt-sources',
  'reseal',
  'emulators',
  'demo',
];

describe('the command line', () => {
  test('lists its commands', async () => {
    const output = await refusal(start('unknown'));
    for (const command of COMMANDS) expect(output).toContain(command);
  });

  test('lists its commands with --help, and on standard error without a command', async () => {
    const [help, bare] = await Promise.all([ended(start('--help')), ended(start('2>&1 >/dev/null'))]);
    for (const command of COMMANDS) expect(help.output).toMatch(new RegExp(`^  ${command} `, 'm'));
    expect(help.code).toBe(0);
    expect(bare).toEqual({ code: 2, output: help.output });
  });

  test.each(COMMANDS)('%s describes its options, exit codes and examples, and refuses other options', async (command) => {
    const [help, sentence] = await Promise.all([ended(start(`${command} --help`)), refusal(start(`${command} --port-bass 5000`))]);
    expect(help.code).toBe(0);
    expect(help.output).toMatch(
      new RegExp(`^Usage: node app/cli.ts ${command} .*^Options:.*--help .*^Exit codes:\n  0  .*\n  1  .*\n  2  .*^Examples:\n  \\S`, 'ms'),
    );
    expect(help.output.split('\n').filter((line) => line.length > 80 && !/^ {2}(npm|node) /.test(line))).toEqual([]);
    expect(sentence).toMatch(`Unknown option '--port-bass'.`);
    expect(sentence).toMatch(new RegExp(` See node app/cli.ts ${command} --help\\.\n$`));
  });

  test('suggests the option that was meant', async () => {
    expect(await refusal(start('serve --port-bass 5000'))).toBe(
      "Unknown option '--port-bass'. Did you mean --port-base? See node app/cli.ts serve --help.\n",
    );
  });

  test.each([
    [
      'an argument too many',
      'demo now',
      "Too many arguments for 'demo'. Expected 0 arguments but got 1. See node app/cli.ts demo --help.\n",
    ],
    [
      'an option without its value',
      'emulators --data',
      "Option '--data <folder>' argument missing. See node app/cli.ts emulators --help.\n",
    ],
    [
      'an unknown action',
      'connections stop 1',
      "Command-argument value 'stop' is invalid for argument 'action'. Allowed choices are list, show, test, change, disconnect. See node app/cli.ts connections --help.\n",
    ],
    ['a link that is not named', 'connect-links revoke', 'Name the link: connect-links revoke <id>.\n'],
    ['a missing run id', 'retry', "Missing required argument 'run_id'. See node app/cli.ts retry --help.\n"],
    [
      'an argument of another command',
      'runs list',
      "Too many arguments for 'runs'. Expected 0 arguments but got 1. See node app/cli.ts runs --help.\n",
    ],
    ['a job that is not named', 'reimport', "Missing required argument 'job'. See node app/cli.ts reimport --help.\n"],
    [
      'a deletion without a decision',
      'delete Account',
      "Required option '--table <what>' not specified. See node app/cli.ts delete --help.\n",
    ],
    ['an option of another command', 'change Account --id-from 001', "Unknown option '--id-from'. See node app/cli.ts change --help.\n"],
    ['a change of nothing', 'change Account', 'Name what to change, for example --every 1h. See node app/cli.ts change --help.\n'],
    [
      'Ids together with a range',
      'reimport Account --from 2024-03-10 --ids 0015g00000ABCde',
      "Option '--ids <ids>' cannot be used with option '--from <date>'. See node app/cli.ts reimport --help.\n",
    ],
    [
      'a limit out of range',
      'runs --limit 0',
      "Option '--limit <number>' argument '0' is invalid. Use a number from 1 to 1000. See node app/cli.ts runs --help.\n",
    ],
    ['a run id that cannot be one', 'cancel 12', 'The run id must be a UUID. Take it from the commands runs or watch.\n'],
    ['an unknown option without a command', '--loud', "Unknown option '--loud'. See node app/cli.ts --help.\n"],
  ])('refuses %s in one sentence', async (_, command, sentence) => {
    expect(await refusal(start(command))).toBe(sentence);
  });

  test('serve without --local lists every missing setting and does not start', async () => {
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
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'salesforce-bigquery-cli-'));
  });
  afterEach(async () => {
    const endpoints = await readEndpoints(folder);
    if (endpoints) await rm(endpoints.postgres_folder, { recursive: true, force: true });
    await rm(folder, { recursive: true, force: true });
  });

  /** Below the ephemeral ports, and different in each concurrent run of this test. */
  const portBase = 10_000 + (process.pid % 4_000) * 5;

  const emulatorPids = async (): Promise<number[]> => {
    const { pid, postgres_folder } = (await readEndpoints(folder))!;
    const postmaster = await readFile(join(postgres_folder, 'cluster', 'postmaster.pid'), 'utf8');
    return [pid, Number(postmaster.split('\n')[0])];
  };

  const call = async (url: string, fields: Record<string, string> = {}): Promise<string> => {
    const sent = Object.keys(fields).length > 0 ? { method: 'POST', body: new URLSearchParams(fields) } : {};
    return await (await fetch(url, sent)).text();
  };

  test('continues after a restart with the same login, ports, clock and data', async () => {
    await chmod(folder, 0o755);
    const first = start(`serve --local --no-tick --data ${folder} --port-base ${portBase} --clock 2023-03-02T00:10:00Z`);
    const url = await listening(first);
    expect(url).toBe(`http://127.0.0.1:${portBase}`);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    const authorizeUrl = await call(`${url}/get_oauth_url`, { redirect_uri: REDIRECT_URI });
    const code = (await decide(authorizeUrl, 'allow')).searchParams.get('code')!;
    const userId = await call(`${url}/login_oauth_callback`, { redirect_uri: REDIRECT_URI, authorization_code: code });
    const job = { user_id: userId, object_name: 'User', start_date: '2023-03-01' };
    expect(await call(`${url}/create_importing_job`, job)).toBe('OK');
    expect(await call(`${url}/handle_importing_job?wait=50`)).toMatch(/^OK/);
    const firstPids = [first.pid!, ...(await emulatorPids())];
    first.kill('SIGTERM');
    expect((await ended(first)).code).toBe(0);
    await allExited(firstPids);

    const second = start(`serve --local --no-tick --data ${folder}`);
    expect(await listening(second)).toBe(url);
    const { clock_url } = (await readEndpoints(folder))!;
    const moved = await fetch(clock_url, { method: 'PUT', body: '{"days": 1}' });
    expect(await moved.json()).toEqual({ now: '2023-03-03T00:10:00.000Z' });
    expect(await call(`${url}/handle_importing_job?wait=50`)).toMatch(/^OK/);
    expect(JSON.parse(await call(`${url}/jobs`))).toMatchObject({ jobs: [{ object_name: 'User', last_date: '2023-03-03' }] });

    // It waits until Salesforce has committed the last changes of its window.
    await fetch(clock_url, { method: 'PUT', body: '{"now": "2023-03-04T00:01:00Z"}' });
    await call(`${url}/handle_importing_job`);
    const { jobs } = JSON.parse(await call(`${url}/jobs`)) as { jobs: [{ run: { id: string } }] };
    const { id } = jobs[0].run;
    const cancelled = await ended(start(`cancel --local --data ${folder} ${id}`));
    expect(cancelled).toEqual({ code: 0, output: `Run ${id} of User (2023-03-03 to 2023-03-04) is cancelled.\n` });
    const again = await ended(start(`cancel --local --data ${folder} ${id}`));
    expect(again).toEqual({ code: 1, output: 'The run has already ended (cancelled). Only a queued or running run can be cancelled.\n' });
    const list = await ended(start(`jobs --local --data ${folder}`));
    expect(list.output).toMatch(/^object +state .*\n─.*\nUser +\w+ +2023-03-01 +2023-03-03 +day +keep +salesforce\.User +[-0-9a-f]{36}\n$/);
    const runs = await ended(start(`runs --job user --limit 1 --local --data ${folder}`));
    expect(runs.output).toMatch(
      /^object +kind +from .*\n─.*\nUser +window +2023-03-03 +2023-03-04 +cancelled +cancelled +\d.* UTC +[-0-9a-f]{36}\nEarlier runs: add --after \S+\n$/,
    );
    const [earlier] = /\S+(?=\n$)/.exec(runs.output)!;
    const before = await ended(start(`runs --job user --after ${earlier} --local --data ${folder}`));
    expect(before.output).toMatch(/^object .*\n─.*\n(User +window +2023-03-0[12] .* succeeded .*\n)+$/);
    const [, shownId] = /succeeded.* ([-0-9a-f]{36})\n/.exec(before.output)!;
    const shown = await ended(start(`run ${shownId} --local --data ${folder}`));
    expect(shown.output).toMatch(
      /^run +[-0-9a-f]{36}\nobject +User\nkind +window\n(.*\n)*delta_rows +\d+\n(.*\n)*cost +[\d.]+ Salesforce calls?, \d+ BigQuery jobs?, .* billed, \$/,
    );
    const reimport = await ended(start(`reimport user --to 2023-03-02 --url ${url}`));
    expect(reimport.output).toMatch(/^Run [-0-9a-f]{36} of User \(2023-03-01 to 2023-03-02\) is queued\. /);
    const secondPids = [second.pid!, ...(await emulatorPids())];
    second.kill('SIGKILL');
    await allExited(secondPids);
  }, 60_000);

  test('a second one attaches to the emulators of the first; query and doctor use them, too', async () => {
    const first = start(`serve --local --data ${folder} --port-base 0`);
    await waitForOutput(first, /"event":"tick"/);
    await waitForOutput(first, /To start over/);
    const pids = await emulatorPids();
    const second = start(`serve --local --data ${folder}`);
    await listening(second);
    expect(await emulatorPids()).toEqual(pids);
    second.kill('SIGTERM');
    expect((await ended(second)).code).toBe(0);
    expect(pids.every(isRunning)).toBe(true);
    const { code, output } = await ended(start(`query --data ${folder} "SELECT 40 + 2 AS answer"`));
    expect(output).toContain('42');
    expect(code).toBe(0);
    const health = await ended(start(`doctor --local --data ${folder}`));
    expect(health.output).toContain(`Checking the service that npm start runs. Local: Postgres, Salesforce, BigQuery. Data: ${folder}\n`);
    expect(health.output).toMatch(/\nok {4}BigQuery can load and merge: 1 row loaded, 1 merged\nAll checks passed\.\n$/);
    expect(health.code).toBe(0);
    expect(await refusal(start(`jobs --local --data ${folder}`))).toContain('Use --url with the address that it printed.');
    const noRun = await ended(start(`cancel --url ${await listening(first)} 0d3f7c1e-5b0a-4c57-9a43-2f6b1f0e7d11`));
    expect(noRun).toEqual({ code: 1, output: 'No run has this id. Runs that ended long ago are deleted. Take the id from /jobs.\n' });
    const printed = outputs.get(first)!.split('\n');
    expect(printed).toContainEqual(`  curl -X PUT -d '{"days": 1}' ${(await readEndpoints(folder))!.clock_url}`);
    expect(printed).toContainEqual(`Ctrl-C stops everything and keeps the data. To start over: rm -rf ${folder}`);
    expect(await refusal(start(`serve --local --data ${folder} --port-base 9000`))).toContain('are already running');
    first.kill('SIGTERM');
    expect((await ended(first)).code).toBe(0);
    await allExited(pids);
    expect(await refusal(start(`doctor --local --data ${folder}`))).toBe(
      `No local service with its data in ${folder} is running. Start it with npm start, then run this again.\n`,
    );
  }, 60_000);

  test('reports in one sentence that a port is already in use', async () => {
    const taken = createServer().listen(portBase + 2, '127.0.0.1');
    await once(taken, 'listening');
    expect(await refusal(start(`serve --local --data ${folder} --port-base ${portBase}`))).toContain(
      `Port ${portBase + 2} is already in use.`,
    );
    taken.close();
  });

  test('reports in one sentence that the folder belongs to another user, or contains other files', async () => {
    await writeFile(join(folder, 'other.txt'), '');
    expect(await refusal(start(`serve --local --data ${folder}`))).toContain('contains other files');
    const isRoot = process.getuid?.() === 0;
    if (isRoot) await chown(folder, 65_534, 65_534);
    expect(await refusal(start(`serve --local --data ${isRoot ? folder : '/usr'}`))).toContain('belongs to another user');
  });
});
