import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BigQuery } from '@google-cloud/bigquery';
import { PassThroughClient } from 'google-auth-library';
import { type BigQueryEmulator, startBigQuery } from '../../app/local/emulators/bigquery/rest/bigquery.ts';
import { startPostgres } from '../../app/local/emulators/postgres.ts';
import { type SalesforceEmulator, type SalesforceOptions, startSalesforce } from '../../app/local/emulators/salesforce/salesforce.ts';
import { openDatabase } from '../../app/store/database.ts';
import { type Answer, decide, REDIRECT_URI, readAnswer } from '../support/service.ts';
import { serviceEnvironment } from '../support/service-environment.ts';
import { CompositeWatch } from './composite-watch.ts';
import { type HttpProxy, startHttpProxy } from './http-proxy.ts';
import { PageWatch } from './page-watch.ts';
import { type PostgresProxy, startPostgresProxy } from './postgres-proxy.ts';
import { ServiceProcess } from './service-process.ts';
import { type Store, storeOf } from './store.ts';
import { TokenWatch } from './token-watch.ts';
import { Violence } from './violence.ts';

/** The org's clock at the start. */
const START = '2023-03-01T00:10:00Z';

/** How long a call to the service's API is retried: a process may be starting, or Postgres. */
const CALL_MS = 120_000;

/** Two processes of the service, with proxies in front of all they call. What they call is in this process, and survives their deaths. */
export interface World {
  [Symbol.asyncDispose](): Promise<void>;
  /** past the proxies */
  database: Store;
  client: BigQuery;
  salesforce: SalesforceEmulator;
  bigquery: BigQueryEmulator;
  processes: readonly ServiceProcess[];
  violence: Violence;
  pages: PageWatch;
  composites: CompositeWatch;
  tokens: TokenWatch;
  /** the user_id of the connected user */
  userId: string;
  /** Logs the user in, again if that is so already. @returns the user_id */
  connect(): Promise<string>;
  /** Calls the API of any process, until one answers. */
  call(path: string, fields?: Record<string, string>): Promise<Answer>;
  /** Rows of a query, without the proxies; waits if a fault meets it. */
  rows(sql: string): Promise<Record<string, unknown>[]>;
  /** Cuts the connections of a process to Postgres. */
  cutPostgres(process: ServiceProcess): void;
  restartPostgres(): Promise<void>;
  /** Makes the runs of a process claimable, as if its leases had expired. */
  expireLeases(process: ServiceProcess): Promise<void>;
  /**
   * What would take minutes: leases and long requests of dead processes, claims of renewals and reports of a used-up quota expire,
   * a session may be renewed again, deferred runs are due, tables that could not be dropped are dropped again, and fields that Salesforce
   * refused are requested again.
   */
  letTimePass(): Promise<void>;
  /** Lets sessions be renewed again that were renewed just now: otherwise their runs would wait for five minutes. */
  letRenewalsPass(): Promise<void>;
}

/** What a world may have that is not usual. */
interface WorldOptions {
  salesforce?: SalesforceOptions;
  /** of the processes */
  env?: Record<string, string>;
}

/** @param names of the processes */
export async function startWorld(seed: number, names: readonly string[] = ['a', 'b'], options: WorldOptions = {}): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'salesforce-bigquery-chaos-'));
  await chmod(folder, 0o711);
  const dataFolder = join(folder, 'postgres');
  let postgres = await startPostgres({ dataFolder });
  const port = Number(new URL(postgres.url).port);
  const pool = openDatabase({ url: postgres.url }, () => {});
  const database = storeOf(pool);
  const salesforce = await startSalesforce({ now: START, size: 30, seed, bulkDelayMs: 10, ...options.salesforce });
  salesforce.limits.set('DailyApiRequests', { Max: 10_000_000, Remaining: 10_000_000 });
  const bigquery = await startBigQuery();
  const client = new BigQuery({
    projectId: bigquery.project,
    location: bigquery.location,
    apiEndpoint: bigquery.url,
    authClient: new PassThroughClient(),
  });
  const violence = new Violence(seed);
  const pages = new PageWatch(database, client, violence);
  const composites = new CompositeWatch();
  const tokens = new TokenWatch();
  const processes = names.map((name) => new ServiceProcess(name));

  const callerOf = ({ headers }: { headers: Record<string, unknown> }) => processes.find(({ name }) => name === headers['x-chaos-process']);
  const shared = { side: 'salesforce', violence, callerOf } as const;
  const instance = await startHttpProxy({
    ...shared,
    target: salesforce.instanceUrl,
    watch: (call) => pages.watch(call),
    change: (call, reply) => composites.change(call, pages.change(call, reply)),
  });
  const login = await startHttpProxy({
    ...shared,
    target: salesforce.loginUrl,
    change: (call, reply) => {
      tokens.note(call, reply);
      return { ...reply, body: replaceText(reply.body, salesforce.instanceUrl, instance.url) };
    },
  });
  const stores = new Map<ServiceProcess, PostgresProxy>();
  const warehouses: HttpProxy[] = [];
  for (const process of processes) {
    const store = await startPostgresProxy(postgres.url, violence, process);
    const warehouse = await startHttpProxy({
      side: 'bigquery',
      target: bigquery.url,
      violence,
      callerOf: () => process,
      change: (_call, reply) => pages.noteLoad(reply),
    });
    stores.set(process, store);
    warehouses.push(warehouse);
    process.start({
      ...serviceEnvironment(store.url, { ...salesforce, loginUrl: login.url }, { ...bigquery, url: warehouse.url }),
      SCHEDULE_CLOCK_URL: `${salesforce.instanceUrl}/emulator/clock`,
      SALESFORCE_COMPOSITE: 'on',
      WORKERS: '3',
      RUNS_PER_CONNECTION: '5',
      ...options.env,
    });
  }
  await Promise.all(processes.map((process) => process.ready()));

  const world: World = {
    database,
    client,
    salesforce,
    bigquery,
    processes,
    violence,
    pages,
    composites,
    tokens,
    userId: '',
    connect: () => connect(world),
    call: (path, fields) => callAny(processes, path, fields),
    async rows(sql) {
      for (;;) {
        const read = client.query({ query: sql, location: bigquery.location }).then(
          ([rows]) => rows as Record<string, unknown>[],
          (error: { code?: unknown }) => (error.code === 404 ? [] : undefined),
        );
        const rows = await Promise.race([read, sleep(10_000, undefined, { ref: false })]);
        if (rows) return rows;
        await sleep(100);
      }
    },
    cutPostgres: (process) => stores.get(process)!.cut(),
    async restartPostgres() {
      await postgres.close();
      postgres = await startPostgres({ dataFolder, port });
    },
    async expireLeases({ claims }) {
      await expire(database, 'id || $2 || attempt = ANY($1)', [...claims]);
    },
    async letTimePass() {
      const claimed = processes.flatMap(({ claims }) => [...claims]);
      // A claim is logged right after it is committed.
      await expire(database, `lease_until < now() + interval '57 seconds' AND NOT (id || $2 || attempt = ANY($1))`, claimed);
      await database.query(`UPDATE connections SET renewing_until = now() WHERE renewing_until < now() + interval '170 seconds'`);
      await database.query(
        `UPDATE connections SET renewed_at = renewed_at - interval '10 minutes', located_at = located_at - interval '10 minutes'
         WHERE greatest(renewed_at, located_at) BETWEEN now() - interval '10 minutes' AND now() - interval '2 seconds'`,
      );
      await database.query(
        `UPDATE org_calls SET reported_at = NULL WHERE used > call_limit / 2 AND reported_at < now() - interval '2 seconds'`,
      );
      await database.query(
        `UPDATE jobs SET field_plan = jsonb_set(field_plan, '{refused}', (SELECT coalesce(jsonb_object_agg(key, value), '{}')
           FROM jsonb_each(field_plan->'refused') WHERE (value->>'at')::timestamptz > now() - interval '5 seconds'))
         WHERE field_plan->'refused' <> '{}'`,
      );
      // A living process extends its long requests every 20 seconds.
      await database.query(`DELETE FROM long_requests WHERE kept_until < now() + interval '37 seconds'`);
      await database.query(
        `UPDATE run_tables SET drop_at = now() WHERE drop_at BETWEEN now() + interval '1 minute' AND now() + interval '595 seconds'`,
      );
      await database.query(
        `UPDATE runs SET run_at = now() WHERE state = 'queued' AND error_code IS NOT NULL AND run_at > now() + interval '2 seconds'`,
      );
    },
    async letRenewalsPass() {
      await database.query(
        `UPDATE connections SET renewed_at = renewed_at - interval '10 minutes', located_at = located_at - interval '10 minutes'
         WHERE greatest(renewed_at, located_at) > now() - interval '10 minutes'`,
      );
    },
    async [Symbol.asyncDispose]() {
      violence.end();
      const proxies = [login, instance, ...warehouses, ...stores.values()];
      await Promise.all(processes.map((process) => process.stop()));
      // After an error, some may have ended, or be starting again.
      await Promise.allSettled([pool.end(), ...proxies.map((proxy) => proxy.close())]);
      await Promise.allSettled([salesforce.close(), bigquery.close(), postgres.close()]);
      await rm(folder, { recursive: true, force: true });
    },
  };
  world.userId = await world.connect();
  return world;
}

async function expire(database: Store, condition: string, claims: string[]): Promise<void> {
  const { rowCount } = await database.query(
    `UPDATE runs SET lease_until = now() - interval '1 second' WHERE state = 'running' AND lease_until > now() AND ${condition}`,
    [claims, ' '],
  );
  if (rowCount) await database.query(`SELECT pg_notify('runs', '')`);
}

async function connect(world: World): Promise<string> {
  const { text } = await world.call('get_oauth_url', { redirect_uri: REDIRECT_URI });
  const redirect = await decide(text, 'allow');
  const fields = { redirect_uri: REDIRECT_URI, authorization_code: redirect.searchParams.get('code')! };
  return (await world.call('login_oauth_callback', fields)).text;
}

async function callAny(processes: readonly ServiceProcess[], path: string, fields?: Record<string, string>): Promise<Answer> {
  const until = performance.now() + CALL_MS;
  for (let number = 0; ; number++) {
    const { url } = processes[number % processes.length]!;
    const request = { signal: AbortSignal.timeout(20_000), ...(fields && { method: 'POST', body: new URLSearchParams(fields) }) };
    const answer =
      url &&
      (await fetch(`${url}/${path}`, request)
        .then(readAnswer)
        .catch(() => undefined));
    if (answer && answer.status < 500) return answer;
    if (performance.now() > until) throw new Error(`No process answered /${path}${answer ? `: ${answer.text}` : '.'}`);
    await sleep(100);
  }
}

function replaceText(body: Buffer, from: string, to: string): Buffer {
  return body.includes(from) ? Buffer.from(body.toString().replaceAll(from, to)) : body;
}
