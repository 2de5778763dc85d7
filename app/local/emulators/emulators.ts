import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type BigQueryEmulator, startBigQuery } from './bigquery/rest/bigquery.ts';
import { prepareDataFolder } from './data-folder.ts';
import { choosePorts, DEFAULT_PORT_BASE, type Ports } from './ports.ts';
import { type LocalPostgres, startPostgres } from './postgres.ts';
import { type SalesforceEmulator, startSalesforce } from './salesforce/salesforce.ts';
import { StartError } from './start-error.ts';

/** Addresses of running emulators; the contents of emulators.json in the data folder. */
export interface EmulatorEndpoints {
  pid: number;
  /** the service's own port; the emulators use the ports after it. 0: any free ports */
  port_base: number;
  database_url: string;
  /** where Postgres keeps its files: outside the data folder if the account it runs as cannot enter that */
  postgres_folder: string;
  salesforce: { login_url: string; instance_url: string; client_id: string; client_secret: string };
  /** GET returns the org's time, PUT sets it */
  clock_url: string;
  bigquery: { endpoint: string; project: string; location: string };
}

export interface EmulatorOptions {
  dataFolder: string;
  /** the service's own port; the emulators use the ports after it. 0: any free ports; absent: as last time, or 4444 */
  portBase?: number;
  /** the instant at which to stop the org's clock; absent: as last time, or real time */
  now?: string;
}

export interface Emulators {
  endpoints: EmulatorEndpoints;
  close(): Promise<void>;
}

/** Too many rows for REST, so that Bulk API 2.0 is used as well. Rows are generated when they are read. */
const LARGE = { Everything__c: 7_500 };

/** The file in the data folder that contains the emulators' addresses. */
const ENDPOINTS_FILE = 'emulators.json';

/**
 * Starts Postgres, Salesforce and BigQuery on loopback and writes their addresses to the data folder.
 * After a restart, ports, clock, grants and data are the same, so connections stay valid.
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
    // The clock throws a RangeError for an invalid instant.
    throw Error.isError(error) && error.name === 'RangeError' ? new StartError(`--clock: ${error.message}`) : error;
  }
}

/** The addresses of the last emulators of a data folder, which may no longer be running; undefined if there were none. @throws StartError */
export async function readEndpoints(dataFolder: string): Promise<EmulatorEndpoints | undefined> {
  const file = join(dataFolder, ENDPOINTS_FILE);
  let endpoints: EmulatorEndpoints;
  try {
    endpoints = JSON.parse(await readFile(file, 'utf8')) as EmulatorEndpoints;
  } catch {
    return undefined;
  }
  if (endpoints?.salesforce?.login_url && endpoints.salesforce.instance_url && endpoints.bigquery?.endpoint && endpoints.database_url) {
    return endpoints;
  }
  throw new StartError(`${file} is damaged: remove it, and the emulators choose their ports again.`);
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

/** Renamed into place, because other processes may read the file at any time. */
async function writeEndpoints(dataFolder: string, endpoints: EmulatorEndpoints): Promise<void> {
  const file = join(dataFolder, ENDPOINTS_FILE);
  await writeFile(`${file}.new`, JSON.stringify(endpoints, null, 2), { mode: 0o600 });
  await rename(`${file}.new`, file);
}

/** Closes in reverse order; a part that fails to close does not keep the others open. */
async function closeAll(parts: { close(): Promise<void> }[]): Promise<void> {
  const failures: unknown[] = [];
  for (const part of parts.toReversed()) {
    await part.close().catch((error: unknown) => failures.push(error));
  }
  if (failures.length > 0) throw new AggregateError(failures, 'Some of the emulators failed to close.');
}
