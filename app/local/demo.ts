import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent } from 'undici';
import { query } from '../bigquery/jobs.ts';
import { openWarehouse } from '../bigquery/warehouse.ts';
import type { Command } from '../commands/command.ts';
import { textOf } from '../commands/output/values.ts';
import { AppError } from '../errors.ts';
import { compareObject } from './compare-with-org.ts';
import { count, hasChanged, type Jobs, type JobView, readJobs, showImports, showUniformly } from './demo-jobs.ts';
import { openScreen, type Screen } from './demo-screen.ts';
import { allow, callApi, rejectOnExit, setClock, startDemoService } from './demo-service.ts';
import { type EmulatorEndpoints, readEndpoints } from './emulators/emulators.ts';
import { DEFAULT_PORT_BASE } from './emulators/ports.ts';
import { connectLines } from './start-local.ts';

/** The consent page redirects here; nothing needs to listen on it. */
const REDIRECT_URI = 'https://127.0.0.1/login/callback';
const OBJECTS = ['Account', 'Contact', 'Opportunity', 'Lead', 'Case', 'Task', 'User', 'AccountHistory'];

/** Has too many rows for REST, so it is read by Bulk API 2.0. */
const LARGE_OBJECT = 'Everything__c';

const START_DATE = '2023-03-01';

/** Ten minutes after midnight, the previous day's window is closed and Salesforce has committed all of its rows. */
const TICK_TIME = '00:10:00Z';

const SAMPLE = `SELECT Id, Name, Industry, AnnualRevenue
FROM salesforce.Account_live ORDER BY AnnualRevenue DESC LIMIT 10`;

/** What the first imports show. */
const EXPLANATION = [
  'Each line is a window: the days since the last import of that object.',
  'last_date is where the next window starts. exact: before and after the',
  'import, Salesforce counted exactly as many rows as reached BigQuery.',
];

/** One call waits at most 50 seconds for the imports: a slow machine needs several. */
const MAX_TICK_CALLS = 6;

/** What every job must look like after a step, by the contract's table, and the window that the step must import, if any. */
interface Expected {
  last_date: string;
  active: 0 | 1;
  imported?: { from: string; to: string };
}

/** What the steps share. The figures are those that the last lines report. */
interface Walk {
  screen: Screen;
  url: string;
  emulator: EmulatorEndpoints;
  userId: string;
  /** as last shown */
  jobs: Jobs;
  windows: { imported: number; exact: number };
  compared: { tables: number; rows: number; values: number; deleted: number };
  bulkRows: number;
  differences: number;
}

/** A step's title, and what it does: it changes the walk's figures. */
type Step = [title: string, run: (walk: Walk) => Promise<void>];

const STEPS: Step[] = [
  ['Connect the org by OAuth, as a user who clicks Allow', connect],
  [`Create ${OBJECTS.length} jobs, one per object, that import everything since ${START_DATE}`, createJobs],
  importStep('2023-03-20', START_DATE),
  importStep('2023-03-21', '2023-03-20'),
  importStep('2023-03-22', '2023-03-21'),
  ['Pause every job', (walk) => callForAll(walk, 'pause_importing_job', { last_date: '2023-03-22', active: 0 })],
  ['On 2023-03-23: paused jobs import nothing', (walk) => tickOn(walk, '2023-03-23', { last_date: '2023-03-22', active: 0 })],
  ['Resume every job', (walk) => callForAll(walk, 'resume_importing_job', { last_date: '2023-03-22', active: 1 })],
  importStep('2023-03-25', '2023-03-22'),
  [`Import all of ${LARGE_OBJECT}, which has too many rows for REST`, importLargeObject],
  ['Compare every row and value in BigQuery with the org', compareAll],
  ['Query BigQuery: the ten accounts with the highest revenue', showSample],
];

interface Options {
  serve?: boolean;
}

/**
 * Runs the contract's sequence over HTTP, on its own service and emulators, then compares every value with the org. With `serve`, the service
 * then stays open until `stop` aborts.
 */
export const demo: Command<Options> = async ({ options, env, stop }) => {
  const screen = openScreen(process.stdout, env, STEPS.length + 1);
  const since = performance.now();
  introduce(screen);
  const folder = await mkdtemp(join(tmpdir(), 'salesforce-bigquery-demo-'));
  const service = startDemoService(folder, `${START_DATE}T${TICK_TIME}`, env);
  try {
    const walk = await Promise.race([run(screen, service.listening, folder), rejectOnStop(stop), rejectOnExit(service)]);
    conclude(walk, (performance.now() - since) / 1000);
    if (options.serve) await Promise.race([stayOpen(walk, stop), rejectOnExit(service)]);
    return walk.differences === 0 ? 0 : 1;
  } finally {
    screen.close();
    service.child.kill('SIGTERM');
    await service.ended;
    const endpoints = await readEndpoints(folder);
    if (endpoints) await rm(endpoints.postgres_folder, { recursive: true, force: true });
    await rm(folder, { recursive: true, force: true });
  }
};

async function stayOpen({ screen, url }: Walk, stop: AbortSignal): Promise<void> {
  screen.say(`\nThe console: ${url}/console\nIt stays open until Ctrl-C, which deletes everything.`);
  if (!stop.aborted) await once(stop, 'abort');
}

async function rejectOnStop(stop: AbortSignal): Promise<never> {
  if (!stop.aborted) await once(stop, 'abort');
  throw new AppError('stopping', 'The demo was stopped. Nothing is left of it.');
}

function introduce({ say }: Screen): void {
  say('Salesforce to BigQuery: the demo', 'bold');
  say(`
Replicates ${OBJECTS.length + 1} objects of a Salesforce org into BigQuery, day by day, and then
compares every value in BigQuery with the org. It takes half a minute, or longer
on a busy machine.

Nothing real is touched: Salesforce and BigQuery are emulators on this machine,
with generated records. The dates are those of the org's clock, which the demo
moves forward from ${START_DATE}. Everything is deleted at the end.`);
}

async function run(screen: Screen, listening: Promise<string>, folder: string): Promise<Walk> {
  screen.step('Start the service, its Postgres, and the emulators');
  const [url, took] = await screen.wait('Starting', listening);
  screen.passed(`listening on ${url}${took}`);
  const walk: Walk = {
    screen,
    url,
    emulator: (await readEndpoints(folder))!,
    userId: '',
    jobs: new Map(),
    windows: { imported: 0, exact: 0 },
    compared: { tables: 0, rows: 0, values: 0, deleted: 0 },
    bulkRows: 0,
    differences: 0,
  };
  for (const [title, step] of STEPS) {
    screen.step(title);
    await step(walk);
  }
  return walk;
}

async function connect(walk: Walk): Promise<void> {
  const { screen, url } = walk;
  showCall(screen, 'get_oauth_url', 'redirect_uri=…');
  const authorizeUrl = await callApi(`${url}/get_oauth_url`, { redirect_uri: REDIRECT_URI });
  const code = await allow(authorizeUrl);
  showCall(screen, 'login_oauth_callback', 'redirect_uri=…', 'authorization_code=…');
  walk.userId = await callApi(`${url}/login_oauth_callback`, { redirect_uri: REDIRECT_URI, authorization_code: code });
  screen.passed(`connected user ${walk.userId.split('/').at(-1)}`);
}

async function createJobs(walk: Walk): Promise<void> {
  await callForAll(walk, 'create_importing_job', { last_date: START_DATE, active: 1 }, { start_date: START_DATE });
}

/** Calls an endpoint for each object. */
async function callForAll(walk: Walk, path: string, expected: Expected, more: Record<string, string> = {}): Promise<void> {
  const { screen, url, userId } = walk;
  const call = async (): Promise<void> => {
    for (const object of OBJECTS) await callApi(`${url}/${path}`, { user_id: userId, object_name: object, ...more });
  };
  showCall(screen, path, `object_name=${OBJECTS[0]}`, ...Object.entries(more).map(([name, value]) => `${name}=${value}`));
  const [, took] = await screen.wait(`Calling ${path} for ${OBJECTS.length} objects`, call());
  screen.passed(`OK, and the same for the other ${OBJECTS.length - 1} objects${took}`);
  await showChanges(walk, expected);
}

/** The step that imports the days from `from` to the day before `date`. */
function importStep(date: string, from: string): Step {
  const last = dayBefore(date);
  const title = `On ${date}: import ${from === last ? 'the day before' : `${from} to ${last}`}`;
  return [title, (walk) => tickOn(walk, date, { last_date: date, active: 1, imported: { from, to: date } })];
}

async function tickOn(walk: Walk, date: string, expected: Expected): Promise<void> {
  await setClock(walk.emulator.clock_url, `${date}T${TICK_TIME}`);
  await tick(walk);
  await showChanges(walk, expected);
}

async function tick({ screen, url }: Walk): Promise<void> {
  showCall(screen, 'handle_importing_job', 'wait=50');
  const [report, took] = await screen.wait('Importing what is due', tickUntilDone(url));
  const [outcome = '', ...others] = report.split(/; |\n/);
  if (report.startsWith('OK')) screen.passed(`${outcome}${took}`);
  else for (const line of [outcome, ...others]) screen.failed(line);
}

async function tickUntilDone(url: string): Promise<string> {
  for (let calls = 1; ; calls++) {
    const report = await callApi(`${url}/handle_importing_job`, { wait: '50' });
    if (calls === MAX_TICK_CALLS || !/ is (running|queued|not started)\./.test(report)) return report;
  }
}

async function importLargeObject(walk: Walk): Promise<void> {
  const { screen, url, userId } = walk;
  showCall(screen, 'create_importing_job', `object_name=${LARGE_OBJECT}`, 'start_date=all');
  await callApi(`${url}/create_importing_job`, { user_id: userId, object_name: LARGE_OBJECT, start_date: 'all' });
  await tick(walk);
  await showChanges(walk);
  const receipt = walk.jobs.get(LARGE_OBJECT)?.run?.receipt;
  const method = receipt?.methods[0];
  if (receipt && method?.startsWith('bulk')) {
    screen.passed(`read through Bulk API 2.0, because it has ${method.slice('bulk: '.length)}`);
    walk.bulkRows = receipt.delta_rows;
  } else fail(walk, `${LARGE_OBJECT} was not read through Bulk API 2.0.`);
}

/** Prints the jobs that have changed, and compares the contract's with what is expected. */
async function showChanges(walk: Walk, expected?: Expected): Promise<void> {
  const { screen } = walk;
  const before = walk.jobs;
  walk.jobs = await readJobs(walk.url);
  const changed = [...walk.jobs.values()].filter((job) => hasChanged(job, before.get(job.object_name)));
  const imported = changed.filter((job) => job.run && job.run.id !== before.get(job.object_name)?.run?.id);
  if (imported.length > 0) showImports(screen, imported, before);
  else if (changed.length > 0) showUniformly(screen, changed, before);
  else screen.detail('No job changed.');
  if (imported.length > 0 && walk.windows.imported === 0) for (const line of EXPLANATION) screen.detail(line, 'dim');
  walk.windows.imported += imported.filter(({ run }) => run?.state === 'succeeded').length;
  walk.windows.exact += imported.filter(({ run }) => run?.receipt?.verdict === 'exact').length;

  const isNew = new Set(imported);
  const wrong = OBJECTS.filter((object) => expected && !isAsExpected(walk.jobs.get(object), isNew, expected));
  if (wrong.length > 0) fail(walk, `${wrong.join(', ')}: expected ${JSON.stringify(expected)}`, wrong.length);
}

function isAsExpected(job: JobView | undefined, isNew: ReadonlySet<JobView>, { last_date, active, imported }: Expected): boolean {
  const row = job?.start_date === START_DATE && job.last_date === last_date && job.active === active;
  const run = job && isNew.has(job) ? job.run : undefined;
  const window = imported ? run?.state === 'succeeded' && run.from === imported.from && run.to === imported.to : !run;
  return row && window;
}

async function compareAll(walk: Walk): Promise<void> {
  const { screen, emulator, compared } = walk;
  const compare = async (job: JobView) => await compareObject(emulator, job.object_name, job.table, job.start_date, job.last_date);
  const rows: string[][] = [];
  const differences: string[] = [];
  for (const job of walk.jobs.values()) {
    const [result] = await screen.wait(`Comparing ${job.object_name}`, compare(job));
    const found = result.rows === 0 ? ['There are no rows to compare.'] : result.differences;
    rows.push([job.object_name, ...[result.rows, result.deleted, result.values, found.length].map(count)]);
    differences.push(...found.slice(0, 10).map((difference) => `${job.object_name}: ${difference}`));
    compared.tables++;
    compared.rows += result.rows;
    compared.deleted += result.deleted;
    compared.values += result.values;
    walk.differences += found.length;
  }
  screen.table(['object_name', '(rows)', '(of which deleted)', '(values)', '(differences)'], rows);
  screen.detail('Rows edited after their import were imported again and merged.', 'dim');
  for (const difference of differences) screen.failed(difference);
}

async function showSample({ screen, emulator }: Walk): Promise<void> {
  const { endpoint, project, location } = emulator.bigquery;
  const config = { project, location, endpoint, stagingDataset: 'salesforce_staging', federation: undefined };
  for (const line of SAMPLE.split('\n')) screen.detail(line, 'dim');
  const rows = await query<Record<string, unknown>>(openWarehouse(config, new Agent()), SAMPLE, {});
  const names = Object.keys(rows[0] ?? {});
  screen.table(
    names.map((name) => (name === 'AnnualRevenue' ? `(${name})` : name)),
    rows.map((row) => names.map((name) => textOf(row[name]) ?? 'NULL')),
  );
  screen.detail('Account_live is a view of Account without the deleted rows.', 'dim');
}

function conclude({ screen, windows, compared, bulkRows, differences }: Walk, seconds: number): void {
  const { say, passed, failed } = screen;
  const took = `${Math.round(seconds)} seconds`;
  if (differences > 0) {
    say(`\nThe demo failed, after ${took}`, ['bold', 'red']);
    failed(`Differences from what is expected: ${count(differences)}. The lines marked ✗ name them.`);
    return;
  }
  say(`\nWhat was proved, in ${took}`, 'bold');
  passed(
    `${count(compared.rows)} rows in ${compared.tables} tables, ${count(compared.values)} values: ${differences} differences from the org.`,
  );
  passed(`${count(compared.deleted)} rows deleted in Salesforce are kept, marked as deleted.`);
  passed(`${windows.exact} of ${windows.imported} windows exact: BigQuery got every row that Salesforce counted.`);
  passed(`${count(bulkRows)} rows, too many for REST, came through Bulk API 2.0.`);
  passed('Paused jobs imported nothing; once resumed, they caught up.');
  say('\nWhat to run next', 'bold');
  for (const [command, meaning] of [
    ['npm start', startLines(`http://127.0.0.1:${DEFAULT_PORT_BASE}`)],
    ['npm run query -- "SELECT Id, Name, Industry FROM salesforce.Account_live LIMIT 10"', 'prints rows that you have imported.'],
    ['npm run doctor', 'checks the service that npm start runs.'],
  ] as const) {
    say();
    say(command, 'cyan');
    say(`  ${meaning}`);
  }
}

function startLines(url: string): string {
  return `runs the same service on ${url}, and keeps its data. In
  another terminal, connect the org (npm start explains how to log in), create a
  job, and import:
${connectLines(url)}
  curl '${url}/handle_importing_job?wait=50'`;
}

function fail(walk: Walk, message: string, differences = 1): void {
  walk.differences += differences;
  walk.screen.failed(message);
}

/** Shows a call of the API; its user_id is left out. */
function showCall({ detail }: Screen, path: string, ...fields: string[]): void {
  detail(['POST', `/${path}`, ...fields].join(' '), 'dim');
}

/** The last day of a window. The contract's dates are inclusive: "from 2023-03-01 to 2023-03-19" ends before the 20th. */
function dayBefore(date: string): string {
  return new Date(Date.parse(date) - 86_400_000).toISOString().slice(0, 10);
}
