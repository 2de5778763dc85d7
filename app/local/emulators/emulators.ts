import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type BigQueryEmulator, startBigQuery } from './bigquery/rest/bigquery.ts';
import { prepareDataFolder } from './data-folder.ts';
import { choosePorts, DEFAULT_PORT_BASE, type Ports } from './ports.ts';
import { type LocalPostgres, startPostgres } from './postgres.ts';
import { type SalesforceEmulator, startSalesforce } from './salesforce/salesforce.ts';
import { StartError } from './start-error.ts';

/** Where running emulators answer; the content of emulators.json in its data folder. */
export interface EmulatorEndpoints {
  pid: number;
  /** the service's own port, which those of the emulators follow; 0: any */
  port_base: number;
  database_url: string;
  /** where Postgres keeps its files: outside the data folder where that is closed to the account it runs as */
  postgres_folder: string;
  salesforce: { login_url: string; instance_url: string; client_id: string; client_secret: string };
  /** GET gives the org's time, PUT sets it */
  clock_url: string;
  bigquery: { endpoint: string; project: string; location: string };
}

export interface EmulatorOptions {
  dataFolder: string;
  /** the service's own port, which those of the emulators follow; 0: any free ones; absent: as before, or 4444 */
  portBase?: number;
  /** the instant at which the org's clock stands from now on; absent: as before, or real time */
  now?: string;
}

export interface Emulators {
  endpoints: EmulatorEndpoints;
  close(): Promise<void>;
}

/** More rows than are read by REST, so that Bulk has something to do. They are made when they are read. */
const LARGE = { Everything__c: 7_500 };

/** The name of the file in the data folder that tells where the emulator answers. */
export const ENDPOINTS_FILE = 'emulators.json';

/**
 * Starts Postgres, Salesforce and BigQuery, all on loopback, and writes where they are into the data folder.
 * They come back at the ports they had, with the clock, the grants and the data: what was connected stays connected.
 * @throws StartError
 */
export async function startEmulators({ dataFolder, portBase, now }: EmulatorOptions): Promise<Emulators> {
  await prepareDataFolder(dataFolder);
  const before = await readEndpoints(dataFolder);
  const base = portBase ?? before?.port_base ?? DEFAULT_PORT_BASE;
  const ports = await choosePorts(base, before ? portsOf(before) : {});
  const parts: { close(): Promise<void> }[] = [];
  try {
    const postgres = await startPostgres({ dataFolder: join(dataFolder, 'postgres'), port: ports.postgres });
    parts.push(postgres);
    const salesforce = await startOrg(dataFolder, ports, now);
    parts.push(salesforce);
    const bigquery = await startBigQuery({ dataFile: join(dataFolder, 'bigquery.duckdb'), port: ports.bigquery });
    parts.push(bigquery);
    const endpoints = describeEndpoints(base, postgres, salesforce, bigquery);
    await writeEndpoints(dataFolder, endpoints);
    return { endpoints, close: () => closeAll(parts) };
  } catch (error) {
    await closeAll(parts);
    throw error;
  }
}

async function startOrg(dataFolder: string, { login, instance }: Ports, now: string | undefined): Promise<SalesforceEmulator> {
  const options = { stateFile: join(dataFolder, 'salesforce.jsonl'), loginPort: login, instancePort: instance, rows: LARGE };
  try {
    return await startSalesforce({ ...options, ...(now !== undefined && { now }) });
  } catch (error) {
    // What the clock says of an instant that it does not take.
    throw Error.isError(error) && error.name === 'RangeError' ? new StartError(`--clock: ${error.message}`) : error;
  }
}

/** What the data folder says of its last emulator, which may run no more; undefined where there was none. */
export async function readEndpoints(dataFolder: string): Promise<EmulatorEndpoints | undefined> {
  try {
    return JSON.parse(await readFile(join(dataFolder, ENDPOINTS_FILE), 'utf8')) as EmulatorEndpoints;
  } catch {
    return undefined;
  }
}

function portsOf({ salesforce, bigquery }: EmulatorEndpoints): Partial<Ports> {
  const portOf = (url: string): number => Number(URL.parse(url)?.port ?? 0);
  return { login: portOf(salesforce.login_url), instance: portOf(salesforce.instance_url), bigquery: portOf(bigquery.endpoint) };
}

function describeEndpoints(
  base: number,
  postgres: LocalPostgres,
  salesforce: SalesforceEmulator,
  bigquery: BigQueryEmulator,
): EmulatorEndpoints {
  return {
    pid: process.pid,
    port_base: base,
    database_url: postgres.url,
    postgres_folder: postgres.dataFolder,
    salesforce: {
      login_url: salesforce.loginUrl,
      instance_url: salesforce.instanceUrl,
      client_id: salesforce.clientId,
      client_secret: salesforce.clientSecret,
    },
    clock_url: `${salesforce.instanceUrl}/emulator/clock`,
    bigquery: { endpoint: bigquery.url, project: bigquery.project, location: bigquery.location },
  };
}

/** Written whole or not at all: others read it while it is written. */
async function writeEndpoints(dataFolder: string, endpoints: EmulatorEndpoints): Promise<void> {
  const file = join(dataFolder, ENDPOINTS_FILE);
  await writeFile(`${file}.new`, JSON.stringify(endpoints, null, 2), { mode: 0o600 });
  await rename(`${file}.new`, file);
}

/** Last started, first closed; one that fails to close keeps none of the others open. */
async function closeAll(parts: { close(): Promise<void> }[]): Promise<void> {
  const failures: unknown[] = [];
  for (const part of parts.toReversed()) {
    await part.close().catch((error: unknown) => failures.push(error));
  }
  if (failures.length > 0) throw new AggregateError(failures, 'parts of the emulators did not close');
}
