import { createServer } from 'node:http';
import { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { BigQuery } from '@google-cloud/bigquery';
import { PassThroughClient } from 'google-auth-library';
import { checkDatasets } from '../../app/bigquery/tables/datasets.ts';
import { readConfig } from '../../app/config.ts';
import { type Context, createContext } from '../../app/context.ts';
import { LIMITS, type Limits } from '../../app/core/connections/limits.ts';
import { createEvents } from '../../app/events.ts';
import { createApp } from '../../app/http/app.ts';
import { type BigQueryEmulator, startBigQuery } from '../../app/local/emulators/bigquery/rest/bigquery.ts';
import { type SalesforceEmulator, type SalesforceOptions, startSalesforce } from '../../app/local/emulators/salesforce/salesforce.ts';
import { createLog } from '../../app/log.ts';
import { Worker } from '../../app/sync/worker.ts';
import { findDrift } from './api-drift.ts';
import { findLeaks, haystacksOf, needlesOf, overhear } from './leaks.ts';
import { findDisagreements } from './receipts-agree.ts';
import { close, listen } from './server.ts';
import { serviceEnvironment } from './service-environment.ts';
import { createTestDatabase, type TestDatabase } from './store/database.ts';

export const REDIRECT_URI = 'https://127.0.0.1/login/callback';

export interface Answer {
  status: number;
  text: string;
  /** of an error */
  code: string | undefined;
}

export interface RunView {
  id: string;
  kind: string;
  from: string;
  to: string;
  state: string;
  run_at: string;
  deferred_until: string | null;
  failures: number;
  error: { code: string; message: string } | null;
  receipt: Record<string, number | string>;
  actions: { action: string; by: string; at: string }[];
}

export interface JobView {
  id: string;
  user_id: string;
  object_name: string;
  start_date: string;
  last_date: string;
  active: number;
  every: string;
  needs_login: boolean;
  login_error: { code: string; message: string; since: string } | null;
  state: string;
  run: RunView | null;
  repair: RunView | null;
}

/** The whole service in this process, over its real protocols: Postgres, and the emulators' Salesforce and BigQuery. */
export interface TestService {
  [Symbol.asyncDispose](): Promise<void>;
  url: string;
  context: Context;
  /** a separate BigQuery client */
  client: BigQuery;
  database: TestDatabase;
  salesforce: SalesforceEmulator;
  bigquery: BigQueryEmulator;
  /** all logged lines */
  logged: string[];
  /** Calls the API with fields as multipart, as the contract's curl lines do. */
  call(path: string, fields?: Record<string, string>): Promise<Answer>;
  /** Connects the org as its user would. @returns the user_id */
  connect(): Promise<string>;
  jobs(): Promise<JobView[]>;
  /** Sets the clock of the org and the schedule to `now`, calls the tick and waits for it. */
  tickAt(now: string): Promise<Answer>;
  /** Requests a repair of the first job, and waits until no repair of it is open. @returns the latest repair */
  repair(action: string, fields?: Record<string, string>): Promise<RunView>;
  /** Rows of a query, as the BigQuery API returns them. */
  rows(sql: string): Promise<Record<string, unknown>[]>;
  /** Changes limits from now on. With few rows per slice from the start, a first import would be many runs. */
  limit(limits: Partial<Limits>): void;
  startWorker(): Worker;
  stopWorker(): Promise<void>;
}

export interface TestServiceOptions {
  salesforce?: SalesforceOptions;
  env?: NodeJS.ProcessEnv;
  limits?: Partial<Limits>;
  /** false: no worker runs until startWorker */
  worker?: boolean;
  /** Starts something in front of the BigQuery emulator. @returns the URL that the service uses */
  beforeBigQuery?: (url: string) => Promise<string>;
  /** Prepares the job store. @returns the URL that the service uses */
  beforeStore?: (url: string) => Promise<string>;
  /** false: API keys are required, as in production */
  local?: boolean;
}

/** Short pauses: everything is near. */
export const NEARBY: Limits = { ...LIMITS, pollMs: 40, workerPollMs: 500, retryMs: 1, repairMarginMs: 0 };

export async function startService(options: TestServiceOptions = {}): Promise<TestService> {
  const database = await createTestDatabase();
  const salesforce = await startSalesforce({ now: '2023-03-01T00:10:00Z', size: 40, bulkDelayMs: 1, ...options.salesforce });
  const bigquery = await startBigQuery();
  const logged: string[] = [];
  const log = createLog(
    new Writable({
      write(line: Buffer, _encoding, done) {
        logged.push(line.toString());
        done();
      },
    }),
  );
  const endpoint = (await options.beforeBigQuery?.(bigquery.url)) ?? bigquery.url;
  const storeUrl = (await options.beforeStore?.(database.url)) ?? database.url;
  const env = testEnvironment({ ...database, url: storeUrl }, salesforce, { ...bigquery, url: endpoint }, options);
  const config = readConfig(env, options.local ?? true);
  const context = createContext(config, createEvents(log), { ...NEARBY, ...options.limits });
  await checkDatasets(context.warehouse, config.bigquery.datasets);
  const client = new BigQuery({
    projectId: bigquery.project,
    location: bigquery.location,
    apiEndpoint: bigquery.url,
    authClient: new PassThroughClient(),
  });
  const { listener, overheard } = overhear(createApp(context).callback());
  const server = createServer(listener);
  const url = await listen(server);
  let worker: Worker | undefined;

  const service: TestService = {
    url,
    context,
    client,
    database,
    salesforce,
    bigquery,
    logged,
    call: (path, fields) => call(`${url}/${path}`, fields),
    connect: () => connect(service),
    jobs: async () => (JSON.parse((await service.call('jobs')).text) as { jobs: JobView[] }).jobs,
    async tickAt(now) {
      salesforce.clock.set(new Date(now));
      return await service.call('handle_importing_job', { wait: '50' });
    },
    async repair(action, fields) {
      const job = (await service.jobs())[0]!;
      const url = `${service.url}/v1/jobs/${job.id}/${action}`;
      const answer = await readAnswer(await fetch(url, { method: 'POST', body: new URLSearchParams(fields) }));
      if (answer.status !== 200) throw new Error(answer.text);
      return await repairEnded(service);
    },
    async rows(sql) {
      const [rows] = await client.query({ query: sql, location: bigquery.location });
      return rows as Record<string, unknown>[];
    },
    limit: (limits) => void Object.assign(context.limits, limits),
    startWorker() {
      worker = new Worker(context);
      worker.start();
      return worker;
    },
    async stopWorker() {
      await worker?.stop();
      worker = undefined;
    },
    async [Symbol.asyncDispose]() {
      await worker?.stop();
      await close(server);
      await context.close();
      const leaks = findLeaks(needlesOf(salesforce, env, overheard), await haystacksOf(service, overheard));
      const disagreements = await findDisagreements(database.pool);
      await Promise.all([salesforce.close(), bigquery.close(), database[Symbol.asyncDispose]()]);
      if (disagreements.length > 0) throw new Error(`Receipts whose counts do not agree: ${disagreements.join('; ')}.`);
      if (leaks.length > 0) throw new Error(`The service has leaked: ${leaks.join('; ')}.`);
      const drift = findDrift(overheard.exchanges);
      if (drift.length > 0) throw new Error(`The service has sent what /openapi.json does not describe: ${drift.join('; ')}.`);
    },
  };
  if (options.worker !== false) service.startWorker();
  return service;
}

/** Waits until no repair of the first job is open. @returns the latest */
export async function repairEnded(service: TestService): Promise<RunView> {
  for (;;) {
    const { id, repair } = (await service.jobs())[0]!;
    if (repair && !['queued', 'running'].includes(repair.state)) return repair;
    // Polling the API instead would cost a third of what the repair does.
    do await sleep(20);
    while ((await service.database.pool.query(OPEN_REPAIR, [id])).rowCount! > 0);
  }
}

const OPEN_REPAIR = `SELECT FROM runs WHERE job_id = $1 AND kind <> 'window' AND state IN ('queued', 'running')`;

function testEnvironment(
  database: TestDatabase,
  salesforce: SalesforceEmulator,
  bigquery: BigQueryEmulator,
  { env, local = true }: TestServiceOptions,
): NodeJS.ProcessEnv {
  return {
    ...serviceEnvironment(database.url, salesforce, bigquery),
    ...(local && { SCHEDULE_CLOCK_URL: `${salesforce.instanceUrl}/emulator/clock` }),
    ...env,
  };
}

async function call(url: string, fields: Record<string, string> = {}): Promise<Answer> {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.set(name, value);
  return await readAnswer(await fetch(url, Object.keys(fields).length > 0 ? { method: 'POST', body: form } : {}));
}

/** Reads an answer; a JSON error gives its code. */
export async function readAnswer(response: Response): Promise<Answer> {
  const text = await response.text();
  const code = response.ok ? undefined : (JSON.parse(text) as { error: { code: string } }).error.code;
  return { status: response.status, text, code };
}

/** Presses a button of the consent page that an authorize URL leads to. @returns where it redirects to */
export async function decide(authorizeUrl: string, decision: 'allow' | 'deny'): Promise<URL> {
  const page = await (await fetch(authorizeUrl)).text();
  const body = new URLSearchParams({ decision });
  for (const [, name, value] of page.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g)) {
    body.set(name!, value!.replaceAll('&amp;', '&'));
  }
  const response = await fetch(authorizeUrl, { method: 'POST', body, redirect: 'manual' });
  return new URL(response.headers.get('location')!);
}

async function connect(service: TestService): Promise<string> {
  const { text } = await service.call('get_oauth_url', { redirect_uri: REDIRECT_URI });
  const redirect = await decide(text, 'allow');
  const code = redirect.searchParams.get('code')!;
  return (await service.call('login_oauth_callback', { redirect_uri: REDIRECT_URI, authorization_code: code })).text;
}
