import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { type Dispatcher, EnvHttpProxyAgent, request } from 'undici';
import { databasePassword } from './aws/database-password.ts';
import { taskCredentials } from './aws/task-credentials.ts';
import { TickQueue } from './aws/tick-queue.ts';
import type { Federation } from './bigquery/create-federated-client.ts';
import { isLoopback, openWarehouse, type Warehouse } from './bigquery/warehouse.ts';
import { type Config, homeDataset, trustedHosts } from './config.ts';
import { LIMITS, type Limits, limitsForMultipartUploads } from './core/connections/limits.ts';
import { Semaphore } from './core/semaphore.ts';
import { AppError } from './errors.ts';
import type { Events } from './events.ts';
import { redact } from './log.ts';
import { Metrics } from './metrics.ts';
import { SalesforceClient } from './salesforce/client.ts';
import { CompositeUse } from './salesforce/composite-use.ts';
import { DescribeCache } from './salesforce/describe.ts';
import type { SalesforceApp } from './salesforce/oauth.ts';
import { RecordCounts } from './salesforce/record-count.ts';
import { readAccessToken } from './store/connections/connections.ts';
import { LongRequests } from './store/connections/long-requests.ts';
import { OrgCalls } from './store/connections/org-calls.ts';
import { Renewals } from './store/connections/renewals.ts';
import { type DatabaseAddress, openDatabase } from './store/database.ts';
import { KeyUses } from './store/key-uses.ts';
import { RunEvents } from './store/runs/run-events.ts';
import { createSealer, type Sealer } from './store/seal.ts';
import { Agreement } from './sync/agreement.ts';
import { renewSession } from './sync/renew-session.ts';
import { openWebhook, type Webhook } from './webhooks/webhook.ts';

/** The dependencies of the service, wired together only here. Other modules import just the type. */
export interface Context {
  readonly config: Config;
  readonly events: Events;
  readonly metrics: Metrics;
  readonly database: pg.Pool;
  readonly sealer: Sealer;
  /** for requests to Salesforce, and for uploads to BigQuery */
  readonly dispatcher: Dispatcher;
  readonly warehouse: Warehouse;
  /** whether the job store agrees with BigQuery, or was restored or copied */
  readonly agreement: Agreement;
  readonly describes: DescribeCache;
  readonly recordCounts: RecordCounts;
  readonly composite: CompositeUse;
  readonly limits: Limits;
  /** API calls to each org, and its limits */
  readonly calls: OrgCalls;
  /** when each API key was used last */
  readonly keyUses: KeyUses;
  /** limits concurrent uploads in this process */
  readonly uploads: Semaphore;
  /** limits the concurrent long requests of all processes to each org */
  readonly longRequests: LongRequests;
  /** the receiver of alerts; undefined: none */
  readonly webhook: Webhook | undefined;
  /** where the schedule sends its ticks; undefined: it calls the service */
  readonly tickQueue: TickQueue | undefined;
  /** A client for a connection's org. `signal` aborts its calls; `recordActivity` is called on each. */
  salesforce(connectionId: number, signal?: AbortSignal, recordActivity?: () => void): SalesforceClient;
  /** The External Client App of a login host; by default the first one. @throws AppError invalid_request */
  app(loginUrl?: string): SalesforceApp;
  /** The current time by the schedule's clock. Everything else uses real time. */
  scheduleNow(): Promise<Date>;
  close(): Promise<void>;
}

const CLOSE_MS = 5_000;

/** Creates the context of a configuration, without making any request. */
export function createContext(config: Config, events: Events, limits = LIMITS): Context {
  const credentials = config.aws && taskCredentials(config.aws.credentials);
  const database = openDatabase(databaseAddress(config, credentials), events.databaseConnectionLost);
  const calls = new OrgCalls(database, events.callCountsNotSaved);
  const keyUses = new KeyUses(database, events.keyUsesNotStored);
  const runEvents = new RunEvents(database, redact, events.runEventsNotStored);
  const metrics = new Metrics();
  events.keepRunEvents((event) => {
    metrics.count(event);
    runEvents.add(event);
  });
  const sealer = createSealer(config.tokenKeys);
  // Pages are large and slow to start; each request sets its own idle timeouts.
  const { httpProxy, httpsProxy, noProxy } = config.proxy;
  const dispatcher = new EnvHttpProxyAgent({ httpProxy, httpsProxy, noProxy, connect: { timeout: 20_000 }, keepAliveTimeout: 30_000 });
  const warehouse = openWarehouse({ ...config.bigquery, federation: toFederation(config, credentials) }, dispatcher, limits);
  const dataset = homeDataset(config);
  const webhook = config.webhook && openWebhook(config.webhook, config.proxy, limits.webhookMs);
  const agreement = new Agreement({ database, warehouse, dataset, server: storeServer(config), limits, events });
  const renewals = new Renewals(database, sealer, limits.loginMs, () => agreement.require(), events.renewalNotStored);

  const app = (loginUrl?: string): SalesforceApp => {
    const found =
      loginUrl === undefined ? config.salesforce.apps[0] : config.salesforce.apps.find((candidate) => candidate.loginUrl === loginUrl);
    if (found) return found;
    const known = config.salesforce.apps.map((candidate) => candidate.loginUrl).join(', ');
    throw new AppError(
      'invalid_request',
      `No External Client App is configured for this login_url. Use one of ${known}, or add it to SALESFORCE_APPS.`,
    );
  };

  return {
    config,
    events,
    metrics,
    database,
    sealer,
    dispatcher,
    warehouse,
    agreement,
    describes: new DescribeCache(),
    recordCounts: new RecordCounts(),
    composite: new CompositeUse(config.salesforce.composite),
    limits: config.bigquery.upload === 'multipart' ? limitsForMultipartUploads(limits) : limits,
    calls,
    keyUses,
    uploads: new Semaphore(limits.uploads),
    longRequests: new LongRequests(database, limits.longRequests, events.longRequestNotFreed),
    webhook,
    tickQueue: openTickQueue(config, credentials),
    app,
    salesforce: (connectionId, signal, recordActivity) =>
      new SalesforceClient(
        {
          current: () => {
            agreement.requireNotHalted();
            return readAccessToken(database, sealer, connectionId, config.salesforce.trials);
          },
          renew: (failed, reason, signal) =>
            renewals.fresh(
              connectionId,
              failed,
              reason,
              (connection, refreshToken, ending) =>
                metrics.countRenewal(() => renewSession(dispatcher, app(connection.loginUrl), connection, refreshToken, ending)),
              signal,
            ),
        },
        dispatcher,
        {
          version: config.salesforce.apiVersion,
          gzip: config.salesforce.gzip,
          limits,
          trustedHosts: trustedHosts(config),
          onCall: (usage) => {
            recordActivity?.();
            calls.count(connectionId, usage);
          },
          signal,
        },
      ),
    scheduleNow: () => readClock(config.scheduleClockUrl),
    async close() {
      // Give in-flight work a moment, but do not let a hanging call keep the process alive.
      const written = Promise.all([calls.write().catch(events.callCountsNotSaved), renewals.close(), runEvents.write(true)]);
      const closed = Promise.all([written.then(() => database.end()), dispatcher.close(), webhook?.close()]);
      await Promise.race([closed, sleep(CLOSE_MS, undefined, { ref: false })]);
    },
  };
}

type Credentials = ReturnType<typeof taskCredentials> | undefined;

/** The address of the job store, with the password from Secrets Manager if RDS manages it. */
export function databaseAddress(
  { database, aws }: Pick<Config, 'database' | 'aws'>,
  credentials: Credentials = aws && taskCredentials(aws.credentials),
): DatabaseAddress {
  if ('url' in database) return database;
  const { host, port, database: name, user, certificatesFile } = database;
  const parts = { host, port, database: name, user, certificates: readFileSync(certificatesFile, 'utf8') };
  if ('password' in database) return { ...parts, password: { read: async () => database.password, forget: () => {} } };
  const store = { region: aws!.region, endpoint: aws!.secretsEndpoint, credentials: credentials! };
  return { ...parts, password: databasePassword(store, database.secretArn) };
}

/** The server of the job store, as its address in BigQuery contains it; undefined: on this machine, where its port may change. */
function storeServer({ database }: Config): string | undefined {
  if (!('url' in database)) return `${database.host.toLowerCase()}:${database.port}`;
  const { hostname, port } = new URL(database.url);
  return isLoopback(database.url) || hostname === '' ? undefined : `${hostname.toLowerCase()}:${port || 5432}`;
}

function openTickQueue({ aws }: Config, credentials: Credentials): TickQueue | undefined {
  if (!aws?.tickQueueUrl) return undefined;
  return new TickQueue({ region: aws.region, endpoint: aws.queueEndpoint, credentials: credentials! }, aws.tickQueueUrl);
}

function toFederation({ federation, aws }: Config, credentials: Credentials): Federation | undefined {
  return federation && { ...federation, region: aws!.region, credentials: credentials! };
}

async function readClock(url: string | undefined): Promise<Date> {
  if (!url) return new Date();
  const { body } = await request(url);
  return new Date(((await body.json()) as { now: string }).now);
}
