import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Command } from '../commands/command.ts';
import { AppError } from '../errors.ts';
import { compareObject } from './compare-with-org.ts';
import { type EmulatorEndpoints, readEndpoints } from './emulators/emulators.ts';

/** The consent page redirects here; nothing needs to listen on it. */
const REDIRECT_URI = 'https://127.0.0.1/login/callback';
const OBJECTS = ['Account', 'Contact', 'Opportunity', 'Lead', 'Case', 'Task', 'User', 'AccountHistory'];

/** Has too many rows for REST, so it is read by Bulk API 2.0. */
const LARGE_OBJECT = 'Everything__c';

const START_DATE = '2023-03-01';

/** What every job must look like after a step, by the contract's table, and the window that the step must import, if any. */
interface Expected {
  last_date: string;
  active: 0 | 1;
  imported?: { from: string; to: string };
}

/** Ten minutes after midnight, the previous day's window is closed and Salesforce has committed all of its rows. */
const TICK_TIME = '00:10:00Z';

/** The fields of a job that the demo shows. */
interface JobView {
  user_id: string;
  object_name: string;
  start_date: string;
  last_date: string;
  active: number;
  table: string;
  run: {
    id: string;
    from: string;
    to: string;
    state: string;
    receipt: { delta_rows: number; verdict: string; methods: string[] } | null;
  } | null;
}

/** Runs the contract's sequence over HTTP, on its own service and emulators, then compares every value with the org. */
export const demo: Command = async ({ args, stop }) => {
  parseArgs({ args, options: {} });
  const folder = await mkdtemp(join(tmpdir(), 'salesforce-bigquery-demo-'));
  const service = startService(folder);
  try {
    const differences = await Promise.race([walk(service, folder), stopped(stop), died(service)]);
    return differences === 0 ? 0 : 1;
  } finally {
    service.child.kill('SIGTERM');
    await service.ended;
    const endpoints = await readEndpoints(folder);
    if (endpoints) await rm(endpoints.postgres_folder, { recursive: true, force: true });
    await rm(folder, { recursive: true, force: true });
  }
};

async function walk(service: Service, folder: string): Promise<number> {
  const url = await service.listening;
  const emulator = (await readEndpoints(folder))!;
  const api = (path: string, fields?: Record<string, string>): Promise<string> => call(`${url}/${path}`, fields);
  const known = new Set<string>();
  let differences = 0;

  heading('Connect the org by OAuth');
  const authorizeUrl = await api('get_oauth_url', { redirect_uri: REDIRECT_URI });
  const code = await allow(authorizeUrl);
  const userId = await api('login_oauth_callback', { redirect_uri: REDIRECT_URI, authorization_code: code });
  console.log(userId);

  const forEach = async (path: string, more: Record<string, string>, expected: Expected): Promise<void> => {
    heading(`Call ${path}${more.start_date ? ` with start_date ${more.start_date}` : ''}`);
    for (const object of OBJECTS) await api(path, { user_id: userId, object_name: object, ...more });
    differences += await show(api, known, expected);
  };
  const tickOn = async (date: string, expected: Expected): Promise<void> => {
    heading(`Call handle_importing_job on ${date}`);
    await setClock(emulator.clock_url, `${date}T${TICK_TIME}`);
    console.log(await api('handle_importing_job', { wait: '50' }));
    differences += await show(api, known, expected);
  };

  await forEach('create_importing_job', { start_date: START_DATE }, { last_date: START_DATE, active: 1 });
  await tickOn('2023-03-20', { last_date: '2023-03-20', active: 1, imported: { from: '2023-03-01', to: '2023-03-20' } });
  await tickOn('2023-03-21', { last_date: '2023-03-21', active: 1, imported: { from: '2023-03-20', to: '2023-03-21' } });
  await tickOn('2023-03-22', { last_date: '2023-03-22', active: 1, imported: { from: '2023-03-21', to: '2023-03-22' } });
  await forEach('pause_importing_job', {}, { last_date: '2023-03-22', active: 0 });
  await tickOn('2023-03-23', { last_date: '2023-03-22', active: 0 });
  await forEach('resume_importing_job', {}, { last_date: '2023-03-22', active: 1 });
  await tickOn('2023-03-25', { last_date: '2023-03-25', active: 1, imported: { from: '2023-03-22', to: '2023-03-25' } });

  heading(`Backfill ${LARGE_OBJECT} through Bulk API 2.0 (start_date all)`);
  await api('create_importing_job', { user_id: userId, object_name: LARGE_OBJECT, start_date: 'all' });
  console.log(await api('handle_importing_job', { wait: '50' }));
  const large = (await readJobs(api)).find((job) => job.object_name === LARGE_OBJECT);
  console.log(`  ${LARGE_OBJECT}: ${large?.run?.receipt?.delta_rows} records, ${large?.run?.receipt?.methods.join(', ')}`);
  if (!large?.run?.receipt?.methods[0]?.startsWith('bulk')) differences++;

  heading('Compare every row and value in BigQuery with the org');
  return differences + (await compareAll(api, emulator));
}

async function compareAll(api: (path: string) => Promise<string>, emulator: EmulatorEndpoints): Promise<number> {
  let rows = 0;
  let differences = 0;
  for (const job of await readJobs(api)) {
    const result = await compareObject(emulator, job.object_name, job.table, job.start_date, job.last_date);
    console.log(
      `${job.object_name.padEnd(14)} ${result.rows} rows, ${result.values} values checked, ${result.differences.length} differences`,
    );
    for (const difference of result.differences.slice(0, 10)) console.log(`  ${difference}`);
    if (result.rows === 0) console.log('  no rows to check, which counts as a difference');
    rows += result.rows;
    differences += result.differences.length + (result.rows === 0 ? 1 : 0);
  }
  console.log(`\n${rows} rows checked, ${differences} differences.`);
  return differences;
}

interface Service {
  child: ChildProcess;
  /** resolves to the service's URL once it is listening */
  listening: Promise<string>;
  ended: Promise<unknown>;
  /** the last lines of its log */
  output: string[];
}

/** Starts the service as a user would, but on any free ports and without this environment's settings: no real org, no real cloud. */
function startService(folder: string): Service {
  const cli = fileURLToPath(new URL('../cli.ts', import.meta.url));
  const { PATH, HOME, TMPDIR } = process.env;
  const options = ['--data', folder, '--port-base', '0', '--clock', `${START_DATE}T${TICK_TIME}`, '--no-tick'];
  const child = spawn(process.execPath, [cli, 'serve', '--local', ...options], {
    env: { PATH, HOME, ...(TMPDIR && { TMPDIR }), RUNS_PER_CONNECTION: '4' },
    // If this process is killed, the channel closes and the service stops.
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    detached: true,
  });
  const output: string[] = [];
  const listening = Promise.withResolvers<string>();
  createInterface({ input: child.stdout! }).on('line', (line) => {
    output.push(line);
    if (output.length > 100) output.shift();
    if (line.includes('"event":"listening"')) listening.resolve(`http://127.0.0.1:${(JSON.parse(line) as { port: number }).port}`);
  });
  return { child, listening: listening.promise, ended: once(child, 'exit'), output };
}

async function died({ ended, output }: Service): Promise<never> {
  await ended;
  throw new Error(`The service exited unexpectedly. Its last log lines:\n${output.join('\n')}`);
}

async function stopped(stop: AbortSignal): Promise<never> {
  if (!stop.aborted) await once(stop, 'abort');
  throw new AppError('stopping', 'The demo was stopped.');
}

/** Presses Allow on the consent page, as a user would. @returns the code from the redirect */
async function allow(authorizeUrl: string): Promise<string> {
  const page = await (await fetch(authorizeUrl)).text();
  const fields = new URLSearchParams({ decision: 'allow' });
  for (const [, name, value] of page.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g))
    fields.set(name!, unescapeHtml(value!));
  const response = await fetch(authorizeUrl, { method: 'POST', body: fields, redirect: 'manual' });
  const code = URL.parse(response.headers.get('location') ?? '')?.searchParams.get('code');
  if (!code) throw new Error(`The consent page returned no authorization code (HTTP ${response.status}).`);
  return code;
}

function unescapeHtml(text: string): string {
  const entities: Record<string, string> = { '&amp;': '&', '&quot;': '"', '&#39;': "'", '&lt;': '<', '&gt;': '>' };
  return text.replace(/&(?:amp|quot|#39|lt|gt);/g, (entity) => entities[entity]!);
}

/** Calls the API with form fields, as the contract's curl lines do. */
async function call(url: string, fields: Record<string, string> = {}): Promise<string> {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.set(name, value);
  const response = await fetch(url, Object.keys(fields).length > 0 ? { method: 'POST', body: form } : {});
  const text = await response.text();
  if (!response.ok) throw new Error(`${new URL(url).pathname} returned HTTP ${response.status}: ${text}`);
  return text;
}

async function setClock(clockUrl: string, now: string): Promise<void> {
  const response = await fetch(clockUrl, { method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ now }) });
  if (!response.ok) throw new Error(`Cannot set the emulators' clock to ${now}: ${await response.text()}`);
}

async function readJobs(api: (path: string) => Promise<string>): Promise<JobView[]> {
  return (JSON.parse(await api('jobs')) as { jobs: JobView[] }).jobs;
}

/** Prints the contract's table and the runs since it was last printed. @returns how many jobs differ from the contract */
async function show(api: (path: string) => Promise<string>, known: Set<string>, expected: Expected): Promise<number> {
  const jobs = await readJobs(api);
  const cells = [
    ['user_id', 'object_name', 'start_date', 'last_date', 'active'],
    ...jobs.map((job) => [job.user_id.split('/').at(-1)!, job.object_name, job.start_date, job.last_date, String(job.active)]),
  ];
  const widths = cells[0]!.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  for (const row of cells) console.log(`  ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')}`);
  const imported = new Map<string, JobView['run']>();
  for (const { object_name, run } of jobs) {
    if (!run || known.has(run.id)) continue;
    known.add(run.id);
    imported.set(object_name, run);
    const count = run.receipt ? `${run.receipt.delta_rows} records, verdict ${run.receipt.verdict}` : run.state;
    console.log(`  ${object_name}: imported from ${run.from} to ${dayBefore(run.to)}: ${count}`);
  }
  const wrong = OBJECTS.filter(
    (object) =>
      !isAsExpected(
        jobs.find((job) => job.object_name === object),
        imported.get(object),
        expected,
      ),
  );
  if (wrong.length > 0) console.log(`  Differs from the contract: ${wrong.join(', ')}. Expected ${JSON.stringify(expected)}`);
  return wrong.length;
}

function isAsExpected(job: JobView | undefined, run: JobView['run'] | undefined, { last_date, active, imported }: Expected): boolean {
  const row = job?.start_date === START_DATE && job.last_date === last_date && job.active === active;
  const window = imported ? run?.state === 'succeeded' && run.from === imported.from && run.to === imported.to : !run;
  return row && window;
}

/** The last day of a window. The contract's dates are inclusive: "from 2023-03-01 to 2023-03-19" ends before the 20th. */
function dayBefore(date: string): string {
  return new Date(Date.parse(date) - 86_400_000).toISOString().slice(0, 10);
}

function heading(text: string): void {
  console.log(`\n${text}`);
}
