import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type BigQuerySandbox, startBigQuery } from './bigquery/bigquery.ts';
import { type PostgresSandbox, startPostgres } from './postgres.ts';
import { type SalesforceSandbox, startSalesforce } from './salesforce/salesforce.ts';

/** Where a running sandbox answers; the content of sandbox.json in its data folder. */
export interface SandboxEndpoints {
  pid: number;
  database_url: string;
  salesforce: { login_url: string; instance_url: string; client_id: string; client_secret: string };
  /** GET gives the org's time, PUT sets it */
  clock_url: string;
  bigquery: { endpoint: string; project: string; location: string };
}

export interface SandboxOptions {
  dataFolder: string;
  /** the instant at which the org's clock stands; absent: real time */
  now?: string;
}

export interface Sandbox {
  endpoints: SandboxEndpoints;
  close(): Promise<void>;
}

/** More rows than are read by REST, so that Bulk has something to do. They are made when they are read. */
const LARGE = { Everything__c: 7_500 };

/** The name of the file in the data folder that tells where the sandbox answers. */
export const ENDPOINTS_FILE = 'sandbox.json';

/**
 * Starts Postgres, Salesforce and BigQuery, all on loopback, and writes where they are into the data folder.
 * They come back at the ports they had, where those are free: what was connected stays connected.
 */
export async function startSandbox({ dataFolder, now }: SandboxOptions): Promise<Sandbox> {
  await mkdir(dataFolder, { recursive: true });
  const before = await readEndpoints(dataFolder);
  const [loginPort, instancePort, bigQueryPort] = await Promise.all([
    freePort(before?.salesforce.login_url),
    freePort(before?.salesforce.instance_url),
    freePort(before?.bigquery.endpoint),
  ]);
  const parts: { close(): Promise<void> }[] = [];
  try {
    const postgres = await startPostgres({ dataFolder: join(dataFolder, 'postgres') });
    parts.push(postgres);
    const salesforce = await startSalesforce({ loginPort, instancePort, rows: LARGE, ...(now !== undefined && { now }) });
    parts.push(salesforce);
    const bigquery = await startBigQuery({ dataFile: join(dataFolder, 'bigquery.duckdb'), port: bigQueryPort });
    parts.push(bigquery);
    const endpoints = describeEndpoints(postgres, salesforce, bigquery);
    await writeEndpoints(dataFolder, endpoints);
    return { endpoints, close: () => closeAll(parts) };
  } catch (error) {
    await closeAll(parts);
    throw error;
  }
}

/** What the data folder says of its last sandbox, which may run no more; undefined where there was none. */
async function readEndpoints(dataFolder: string): Promise<SandboxEndpoints | undefined> {
  try {
    return JSON.parse(await readFile(join(dataFolder, ENDPOINTS_FILE), 'utf8')) as SandboxEndpoints;
  } catch {
    return undefined;
  }
}

function describeEndpoints(postgres: PostgresSandbox, salesforce: SalesforceSandbox, bigquery: BigQuerySandbox): SandboxEndpoints {
  return {
    pid: process.pid,
    database_url: postgres.url,
    salesforce: {
      login_url: salesforce.loginUrl,
      instance_url: salesforce.instanceUrl,
      client_id: salesforce.clientId,
      client_secret: salesforce.clientSecret,
    },
    clock_url: `${salesforce.instanceUrl}/sandbox/clock`,
    bigquery: { endpoint: bigquery.url, project: bigquery.project, location: bigquery.location },
  };
}

/** Written whole or not at all: others read it while it is written. */
async function writeEndpoints(dataFolder: string, endpoints: SandboxEndpoints): Promise<void> {
  const file = join(dataFolder, ENDPOINTS_FILE);
  await writeFile(`${file}.new`, JSON.stringify(endpoints, null, 2), { mode: 0o600 });
  await rename(`${file}.new`, file);
}

/** The port of a URL if it is free, else 0: any. */
async function freePort(url: string | undefined): Promise<number> {
  const port = Number((url && URL.parse(url)?.port) || 0);
  if (port === 0) return 0;
  const server = createServer();
  const free = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true));
  });
  await new Promise<void>((resolve) => {
    if (free) server.close(() => resolve());
    else resolve();
  });
  return free ? port : 0;
}

/** Last started, first closed; one that fails to close keeps none of the others open. */
async function closeAll(parts: { close(): Promise<void> }[]): Promise<void> {
  const failures: unknown[] = [];
  for (const part of parts.toReversed()) {
    await part.close().catch((error: unknown) => failures.push(error));
  }
  if (failures.length > 0) throw new AggregateError(failures, 'parts of the sandbox did not close');
}
