import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { BulkJobs } from './bulk-jobs.ts';
import { clientApp } from './client-app.ts';
import { Clock } from './clock.ts';
import { Faults } from './faults.ts';
import { Grants } from './grants.ts';
import { instanceHost } from './instance.ts';
import { loginHost } from './login.ts';
import { Org } from './org.ts';
import type { Parts } from './parts.ts';

export interface SalesforceOptions {
  /** The whole org is made from this number; 1 unless given. */
  seed?: number;
  /** Accounts at the start, others in proportion; 300 unless given. */
  size?: number;
  /** ISO instant at which the org's clock stands; real time unless given. */
  now?: string;
  /** Any free port unless given; always on 127.0.0.1. */
  loginPort?: number;
  instancePort?: number;
  rotateRefreshTokens?: boolean;
  /** How long an unused access token lives, in real time; 120 unless given. */
  sessionMinutes?: number;
  /** How long a Bulk job stays in each of UploadComplete and InProgress; 50 unless given. */
  bulkDelayMs?: number;
}

export interface SalesforceSandbox {
  /** Such as `http://127.0.0.1:40001`, without trailing slash. */
  loginUrl: string;
  instanceUrl: string;
  /** Of the one External Client App; PKCE is required. */
  clientId: string;
  clientSecret: string;
  /** Handles for tests in the same process. */
  org: Org;
  clock: Clock;
  /** Ends all connections at once. */
  close(): Promise<void>;
}

/** Starts a stand-in for Salesforce: a login host and an instance host that speak its protocols over an org made from a number. */
export async function startSalesforce(options: SalesforceOptions = {}): Promise<SalesforceSandbox> {
  const { seed = 1, size = 300, now, loginPort = 0, instancePort = 0 } = options;
  const { rotateRefreshTokens: rotate = false, sessionMinutes = 120, bulkDelayMs = 50 } = options;
  const clock = new Clock(now === undefined ? undefined : new Date(now));
  const org = new Org(seed, size, clock);
  const app = clientApp(seed);
  const faults = new Faults();
  const jobs = new BulkJobs(org, clock, faults, bulkDelayMs);
  const grants = new Grants({ orgId: org.id, secret: app.clientSecret, rotate, sessionMinutes });
  const parts: Parts = { org, clock, grants, faults, jobs, urls: { login: '', instance: '' }, usage: { calls: 0 } };
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
  return { loginUrl: parts.urls.login, instanceUrl: parts.urls.instance, ...app, org, clock, close };
}

async function listen(listener: RequestListener, port: number): Promise<Server> {
  const server = createServer(listener);
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
