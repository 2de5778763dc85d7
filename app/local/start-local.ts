import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CommandError } from '../commands/command-error.ts';
import { prepareDataFolder } from './emulators/data-folder.ts';
import { type EmulatorEndpoints, readEndpoints } from './emulators/emulators.ts';
import { DEFAULT_PORT_BASE, readPortBase } from './emulators/ports.ts';
import { isStartError } from './emulators/start-error.ts';
import type { EmulatorMessage } from './emulators-command.ts';
import { readSettings } from './settings-file.ts';

/** The service on one machine: the emulators provide whatever the environment does not configure. */
export interface Local extends AsyncDisposable {
  /** the environment, completed with the emulators' settings */
  env: NodeJS.ProcessEnv;
  /** what the emulators provide, in a sentence that starts with "Local:" */
  summary: string;
  /** Prints what is local, where its data is stored, how to try each endpoint, and whether the service ticks by itself. */
  explain(url: string, ticks: boolean): void;
}

/** Command line options, not yet validated. */
export interface LocalOptions {
  data: string;
  portBase?: string;
  clock?: string;
}

/** One variable of a group is enough to use the real Salesforce or BigQuery instead of the emulator. */
const SALESFORCE = ['SALESFORCE_CLIENT_ID', 'SALESFORCE_CLIENT_SECRET', 'SALESFORCE_LOGIN_URL', 'SALESFORCE_APPS'];
const BIGQUERY = ['GOOGLE_CLOUD_PROJECT', 'BIGQUERY_API_ENDPOINT', 'BIGQUERY_LOCATION'];

/**
 * Completes the environment with the emulators of this data folder. Uses running ones, or starts them and stops them on disposal.
 * Variables that are set stay as they are, so a real org works without a cloud project, and a real BigQuery without an org.
 * @throws CommandError
 */
export async function startLocal(env: NodeJS.ProcessEnv, options: LocalOptions): Promise<Local> {
  return await orCommandError(async () => {
    const dataFolder = resolve(options.data);
    const portBase = options.portBase === undefined ? undefined : readPortBase(options.portBase);
    await prepareDataFolder(dataFolder);
    return await fillIn(env, dataFolder, portBase, () => attachOrStart(dataFolder, portBase, options.clock));
  });
}

/**
 * Completes the environment as `startLocal` does, with emulators that are already running: starts and creates nothing.
 * @throws CommandError
 */
export async function findLocal(env: NodeJS.ProcessEnv, options: LocalOptions): Promise<Local> {
  return await orCommandError(async () => {
    const dataFolder = resolve(options.data);
    return await fillIn(env, dataFolder, undefined, async () => {
      const endpoints = await findEmulators(dataFolder);
      if (endpoints) return { endpoints, close: async () => {} };
      throw new CommandError(
        `No local service with its data in ${shortPath(dataFolder)} is running. Start it with npm start, then run this again.`,
      );
    });
  });
}

/** Creates the data folder with the key for its job store's tokens, unless it exists. @throws CommandError */
export async function prepareLocal(dataFolder: string): Promise<void> {
  await orCommandError(async () => {
    await prepareDataFolder(dataFolder);
    await readSecret(dataFolder, 'token-key', 'base64');
  });
}

async function orCommandError<T>(open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    throw isStartError(error) ? new CommandError(error.message, { cause: error }) : error;
  }
}

async function fillIn(
  given: NodeJS.ProcessEnv,
  dataFolder: string,
  portBase: number | undefined,
  attach: () => Promise<Attached>,
): Promise<Local> {
  const saved = await readSettings(dataFolder);
  const env = { ...saved, ...withoutEmpty(given) };
  const lacks = (names: string[], from: NodeJS.ProcessEnv = env): boolean => names.every((name) => !from[name]);
  const missing = { database: lacks(['DATABASE_URL']), salesforce: lacks(SALESFORCE), bigquery: lacks(BIGQUERY) };
  const needed = Object.values(missing).includes(true);
  const { endpoints, close } = needed ? await attach() : { endpoints: undefined, close: async () => {} };
  return {
    env: {
      PORT: String(endpoints?.port_base ?? portBase ?? DEFAULT_PORT_BASE),
      TOKEN_KEYS: await readSecret(dataFolder, 'token-key', 'base64'),
      HASH_SALT: await readSecret(dataFolder, 'hash-salt', 'hex'),
      ...(endpoints && missing.database && { DATABASE_URL: endpoints.database_url }),
      ...(endpoints && missing.salesforce && salesforceOf(endpoints)),
      ...(endpoints && missing.bigquery && bigqueryOf(endpoints)),
      ...env,
    },
    summary: summarize(dataFolder, missing),
    explain: (url, ticks) => {
      const isConnected = !lacks(SALESFORCE, saved);
      const isSet = [['DATABASE_URL'], SALESFORCE, BIGQUERY].some((names) => !lacks(names, given));
      console.log(explanation(url, ticks, dataFolder, { missing, isConnected, isSet, isKeyed: !lacks(['API_KEYS']) }, endpoints));
    },
    [Symbol.asyncDispose]: close,
  };
}

function salesforceOf({ salesforce, clock_url }: EmulatorEndpoints): NodeJS.ProcessEnv {
  return {
    SALESFORCE_LOGIN_URL: salesforce.login_url,
    SALESFORCE_CLIENT_ID: salesforce.client_id,
    SALESFORCE_CLIENT_SECRET: salesforce.client_secret,
    SCHEDULE_CLOCK_URL: clock_url,
  };
}

function bigqueryOf({ bigquery }: EmulatorEndpoints): NodeJS.ProcessEnv {
  return { GOOGLE_CLOUD_PROJECT: bigquery.project, BIGQUERY_LOCATION: bigquery.location, BIGQUERY_API_ENDPOINT: bigquery.endpoint };
}

function withoutEmpty(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value));
}

/** Reads a random secret of this data folder, such as the key that seals the tokens in its job store, and creates it on first use. */
async function readSecret(dataFolder: string, name: string, encoding: 'base64' | 'hex'): Promise<string> {
  const file = resolve(dataFolder, name);
  try {
    await writeFile(file, randomBytes(32).toString(encoding), { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if ((error as { code?: string }).code !== 'EEXIST') throw error;
  }
  return await readFile(file, 'utf8');
}

interface Attached {
  endpoints: EmulatorEndpoints;
  close(): Promise<void>;
}

async function attachOrStart(dataFolder: string, portBase: number | undefined, clock: string | undefined): Promise<Attached> {
  const running = await findEmulators(dataFolder);
  if (!running) return await startEmulatorProcess(dataFolder, portBase, clock);
  if (clock !== undefined || (portBase ?? running.port_base) !== running.port_base) {
    throw new CommandError(`The emulators of ${dataFolder} are already running. Stop them first, or omit --port-base and --clock.`);
  }
  return { endpoints: running, close: async () => {} };
}

/** The running emulators of a data folder, or undefined. The pid may be stale or reused by another process, so the clock must respond, too. */
async function findEmulators(dataFolder: string): Promise<EmulatorEndpoints | undefined> {
  const endpoints = await readEndpoints(dataFolder);
  if (!endpoints) return undefined;
  try {
    process.kill(endpoints.pid, 0);
    const response = await fetch(endpoints.clock_url, { signal: AbortSignal.timeout(2_000) });
    return response.ok ? endpoints : undefined;
  } catch {
    return undefined;
  }
}

async function startEmulatorProcess(dataFolder: string, portBase: number | undefined, clock: string | undefined): Promise<Attached> {
  const cli = fileURLToPath(new URL('../cli.ts', import.meta.url));
  const given = [...(portBase === undefined ? [] : ['--port-base', String(portBase)]), ...(clock === undefined ? [] : ['--clock', clock])];
  // Its own process group keeps Ctrl-C from reaching it: we stop the emulators only after the service has closed its connections.
  const child = spawn(process.execPath, [cli, 'emulators', '--data', dataFolder, ...given], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    detached: true,
  });
  const ended = once(child, 'exit');
  const [message] = (await Promise.race([
    once(child, 'message'),
    ended.then(() => {
      throw new CommandError(`The emulators did not start. See their output above for the reason. Their data is in ${dataFolder}.`);
    }),
  ])) as [EmulatorMessage];
  if ('refusal' in message) throw new CommandError(message.refusal);
  return { endpoints: message.endpoints, close: () => stop(child, ended) };
}

async function stop(child: ChildProcess, ended: Promise<unknown>): Promise<void> {
  child.kill('SIGTERM');
  await ended;
}

/** The curl lines that connect an org and create a job, indented, at most 80 columns wide. */
export function connectLines(url: string): string {
  return `  R=https://127.0.0.1/login/callback
  curl --form redirect_uri=$R ${url}/get_oauth_url
  curl --form redirect_uri=$R --form authorization_code='…' \\
    ${url}/login_oauth_callback
  curl --form user_id='…' --form object_name=Account \\
    --form start_date=2024-03-10 ${url}/create_importing_job`;
}

function loginLines(url: string): string {
  return `Connect the org: open ${url.replace('127.0.0.1', 'localhost')} in a browser. Or use the first two
calls, with the code from the address that opens after Allow. Then create a job:
${connectLines(url)}`;
}

function createLines(url: string): string {
  return `The org of npm run connect is connected. To import another object, take the
user_id from ${url}/jobs, and create a job:
  curl --form user_id='…' --form object_name=Contact \\
    --form start_date=all ${url}/create_importing_job`;
}

/** What the environment does not configure. */
type Missing = Record<'database' | 'salesforce' | 'bigquery', boolean>;

function summarize(dataFolder: string, missing: Missing): string {
  const local = Object.entries({ Postgres: missing.database, Salesforce: missing.salesforce, BigQuery: missing.bigquery })
    .filter(([, isLocal]) => isLocal)
    .map(([name]) => name);
  return `Local: ${local.join(', ') || 'only the service'}. Data: ${shortPath(dataFolder)}`;
}

/** A folder's path as the user would type it. */
export function shortPath(folder: string): string {
  const below = relative(process.cwd(), folder);
  return below.startsWith('..') ? folder : below;
}

interface Configured {
  missing: Missing;
  /** whether `connect` has saved an org */
  isConnected: boolean;
  /** whether the environment itself, beside what `connect` saved, configures anything */
  isSet: boolean;
  /** whether `API_KEYS` is set, without which this machine needs no key */
  isKeyed: boolean;
}

/** Fits a standard terminal: 80 columns, 24 lines. */
function explanation(
  url: string,
  ticks: boolean,
  dataFolder: string,
  { missing, isConnected, isSet, isKeyed }: Configured,
  endpoints: EmulatorEndpoints | undefined,
): string {
  const folder = shortPath(dataFolder);
  const data = folder === '.local' ? [] : [`--data ${folder}`];
  const query = ['npm run query --', ...data, '"SELECT COUNT(*) AS accounts FROM salesforce.Account"'].join(' ');
  const doctor = ['npm run doctor', ...data].join(' -- ');
  return `
Listening on ${url}, for this machine only.${isKeyed ? `\nAdd a key of API_KEYS to each call: --header 'X-API-Key: …'` : ' No API key needed.'}
${summarize(dataFolder, missing)}

${isConnected ? createLines(url) : loginLines(url)}

Import what is due, then inspect the result:
  curl '${url}/handle_importing_job?wait=50'
  curl ${url}/jobs
  ${query}
${
  endpoints && missing.salesforce
    ? `Move the org's clock forward a day, then import again:
  curl -X PUT -d '{"days": 1}' ${endpoints.clock_url}
`
    : ''
}
Check everything that it needs: ${doctor}
${isSet ? 'Before npm run query or doctor in another terminal, set the same variables.\n' : ''}${ticks ? 'Imports what is due now and every 15 minutes (--no-tick: only on request).' : 'Imports only on request (--no-tick).'}
Ctrl-C stops everything and keeps the data. To start over: rm -rf ${folder}
`;
}
