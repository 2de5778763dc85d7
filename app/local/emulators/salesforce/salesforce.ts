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
  /** The whole org is made from this number; 1 unless given. */
  seed?: number;
  /** Accounts at the start, others in proportion; 300 unless given. */
  size?: number;
  /** Rows at the start of single objects, whatever the size, such as `{Everything__c: 1_000_000}`. */
  rows?: Partial<RowCounts>;
  /** ISO instant at which the org's clock stands; real time unless given. */
  now?: string;
  /** Keeps clock, grants and changes of the org in this file, and takes them up at the next start with the same seed and size. */
  stateFile?: string;
  /** Any free port unless given; always on 127.0.0.1. */
  loginPort?: number;
  instancePort?: number;
  rotateRefreshTokens?: boolean;
  /** Whether the app's secret is required to exchange codes and refresh tokens; true unless given. */
  secretIsRequired?: boolean;
  /** PEM of the certificate or public key that verifies JWT bearer assertions; can be put up later. */
  jwtPublicKey?: string;
  /** Whether an admin approved the app for all users; otherwise JWT bearer needs one consent before. */
  preauthorized?: boolean;
  /** How long an unused access token lives, in real time; 120 unless given. */
  sessionMinutes?: number;
  /** How long a Bulk job stays in each of UploadComplete and InProgress; 50 unless given. */
  bulkDelayMs?: number;
}

export interface SalesforceEmulator {
  /** Such as `http://127.0.0.1:40001`, without trailing slash. */
  loginUrl: string;
  instanceUrl: string;
  /** Of the one External Client App; PKCE is required. */
  clientId: string;
  clientSecret: string;
  /** Handles for tests in the same process. */
  org: Org;
  clock: Clock;
  faults: Faults;
  limits: Limits;
  /** Ends all connections at once. */
  close(): Promise<void>;
}

/** Starts a stand-in for Salesforce: a login host and an instance host that speak its protocols over an org made from a number. */
export async function startSalesforce(options: SalesforceOptions = {}): Promise<SalesforceEmulator> {
  const { seed = 1, size = 300, now, loginPort = 0, instancePort = 0 } = options;
  const { rotateRefreshTokens: rotate = false, sessionMinutes = 120, bulkDelayMs = 50 } = options;
  const clock = new Clock();
  const org = new Org(seed, size, clock, options.rows);
  const journal = new Journal(options.stateFile, org, clock);
  const keptGrants = journal.replay();
  if (now !== undefined) clock.set(new Date(now));
  journal.keepClock();
  const app = clientApp(seed, options.secretIsRequired ?? true);
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
  return { loginUrl: parts.urls.login, instanceUrl: parts.urls.instance, clientId, clientSecret, org, clock, faults, limits, close };
}

/** Node's own limit is Salesforce's too; ours has to be the one that answers. */
const LARGEST_HEAD = 262_144;

async function listen(listener: RequestListener, port: number): Promise<Server> {
  const server = createServer({ maxHeaderSize: LARGEST_HEAD }, listener);
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
