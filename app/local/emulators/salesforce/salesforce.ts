import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { BulkJobs } from './bulk/bulk-jobs.ts';
import { Clock } from './clock.ts';
import { Faults } from './faults.ts';
import { Limits } from './limits.ts';
import { clientApp } from './oauth/client-app.ts';
import { Grants } from './oauth/grants.ts';
import { loginHost } from './oauth/login.ts';
import type { RowCounts } from './objects/row-counts.ts';
import { Journal } from './org/journal.ts';
import { Org } from './org/org.ts';
import type { Parts } from './parts.ts';
import { instanceHost } from './rest/instance.ts';
import { QueryCursors } from './rest/query-cursors.ts';

export interface SalesforceOptions {
  /** Seed of the whole org; default 1. */
  seed?: number;
  /** Initial number of accounts, with other objects in proportion; default 300. */
  size?: number;
  /** Initial rows of single objects, regardless of the size, such as `{Everything__c: 1_000_000}`. */
  rows?: Partial<RowCounts>;
  /** How many more custom objects there are, with a few rows each; default 0. */
  customObjects?: number;
  /** ISO instant at which to stop the org's clock; default real time. */
  now?: string;
  /** Stores clock, grants and changes of the org in this file, and restores them at the next start with the same seed and size. */
  stateFile?: string;
  /** Default any free port; always on 127.0.0.1. */
  loginPort?: number;
  instancePort?: number;
  rotateRefreshTokens?: boolean;
  /** Whether exchanging codes and refresh tokens requires the app's secret; default true. */
  secretIsRequired?: boolean;
  /** Whether an admin selected the user that client credentials run as; default true. */
  hasRunAsUser?: boolean;
  /** PEM of the certificate or public key that verifies JWT bearer assertions; can also be set later. */
  jwtPublicKey?: string;
  /** Whether an admin approved the app for all users; otherwise JWT bearer requires a prior consent. */
  preauthorized?: boolean;
  /** How long an unused access token stays valid, in real time; default 120. */
  sessionMinutes?: number;
  /** How long a Bulk job stays in each of UploadComplete and InProgress; default 50. */
  bulkDelayMs?: number;
}

export interface SalesforceEmulator {
  /** Such as `http://127.0.0.1:40001`, without trailing slash. */
  loginUrl: string;
  instanceUrl: string;
  /** Of the only External Client App; PKCE is required. */
  clientId: string;
  clientSecret: string;
  /** Handles for tests in the same process. */
  org: Org;
  clock: Clock;
  faults: Faults;
  limits: Limits;
  /** Every code, verifier, token and client secret so far. */
  secrets(): string[];
  /** Closes all connections immediately. */
  close(): Promise<void>;
}

/** Starts an emulator of Salesforce: a login host and an instance host that speak its protocols, on top of an org generated from a seed. */
export async function startSalesforce(options: SalesforceOptions = {}): Promise<SalesforceEmulator> {
  const { seed = 1, size = 300, now, loginPort = 0, instancePort = 0 } = options;
  const { rotateRefreshTokens: rotate = false, sessionMinutes = 120, bulkDelayMs = 50 } = options;
  const clock = new Clock();
  const org = new Org(seed, size, clock, options.rows, options.customObjects);
  const journal = new Journal(options.stateFile, org, clock);
  const keptGrants = journal.replay();
  if (now !== undefined) clock.set(new Date(now));
  journal.recordClock();
  const { secretIsRequired = true, hasRunAsUser = true } = options;
  const app = clientApp(seed, { secretIsRequired, hasRunAsUser });
  const faults = new Faults();
  const limits = new Limits();
  const jobs = new BulkJobs({ org, clock, faults, limits, delayMs: bulkDelayMs });
  const { preauthorized = false, jwtPublicKey } = options;
  const grants = new Grants({ orgId: org.id, secret: app.clientSecret, rotate, sessionMinutes, preauthorized });
  if (keptGrants) grants.restore(keptGrants);
  const jwtKey = { pem: jwtPublicKey };
  const parts: Parts = {
    org,
    clock,
    journal,
    grants,
    jwtKey,
    faults,
    jobs,
    limits,
    cursors: new QueryCursors(),
    urls: { login: '', instance: '' },
  };
  const login = await listen(loginHost(parts, app).callback(), loginPort);
  const instance = await listen(instanceHost(parts).callback(), instancePort).catch(async (error: unknown) => {
    await end(login);
    throw error;
  });
  parts.urls.login = urlOf(login);
  parts.urls.instance = urlOf(instance);
  const close = async (): Promise<void> => {
    jobs.close();
    await Promise.all([end(login), end(instance)]);
  };
  const { clientId, clientSecret } = app;
  const secrets = (): string[] => [clientSecret, ...grants.secrets];
  return {
    loginUrl: parts.urls.login,
    instanceUrl: parts.urls.instance,
    clientId,
    clientSecret,
    org,
    clock,
    faults,
    limits,
    secrets,
    close,
  };
}

/** Node's own limit is the same as Salesforce's; ours must respond first. */
const MAX_HEADER_BYTES = 262_144;

async function listen(listener: RequestListener, port: number): Promise<Server> {
  const server = createServer({ maxHeaderSize: MAX_HEADER_BYTES }, listener);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(port, '127.0.0.1', resolve);
  await promise;
  return server;
}

function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function end(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await closed;
}
