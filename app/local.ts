import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ENDPOINTS_FILE, type SandboxEndpoints } from './sandbox/sandbox.ts';

/** The service on one machine: what the environment lacks is the sandbox's. */
export interface Local extends AsyncDisposable {
  /** the environment with the gaps filled in */
  env: NodeJS.ProcessEnv;
  /** Says what is local, where its data lies, and how to try each endpoint. */
  explain(url: string): void;
}

/** Salesforce is given whole or not at all; so is BigQuery. */
const SALESFORCE = ['SALESFORCE_CLIENT_ID', 'SALESFORCE_CLIENT_SECRET', 'SALESFORCE_LOGIN_URL', 'SALESFORCE_APPS'];
const BIGQUERY = ['GOOGLE_CLOUD_PROJECT', 'BIGQUERY_API_ENDPOINT', 'BIGQUERY_LOCATION'];

/**
 * Fills in what the environment lacks, from the sandbox that runs on this data folder, or from one that it starts and, when disposed
 * of, stops. What is set stays: one can try a real org without a cloud, or a cloud without an org.
 */
export async function goLocal(env: NodeJS.ProcessEnv, folder: string, clock?: string): Promise<Local> {
  const dataFolder = resolve(folder);
  await mkdir(dataFolder, { recursive: true });
  const lacks = (names: string[]): boolean => names.every((name) => !env[name]);
  const missing = { database: lacks(['DATABASE_URL']), salesforce: lacks(SALESFORCE), bigquery: lacks(BIGQUERY) };
  const needed = Object.values(missing).includes(true);
  const { endpoints, close } = needed ? await attachOrStart(dataFolder, clock) : { endpoints: undefined, close: async () => {} };
  return {
    env: {
      TOKEN_KEYS: await readTokenKey(dataFolder),
      ...(endpoints && missing.database && { DATABASE_URL: endpoints.database_url }),
      ...(endpoints && missing.salesforce && salesforceOf(endpoints)),
      ...(endpoints && missing.bigquery && bigqueryOf(endpoints)),
      ...withoutEmpty(env),
    },
    explain: (url) => console.log(explanation(url, dataFolder, missing, endpoints)),
    [Symbol.asyncDispose]: close,
  };
}

function salesforceOf({ salesforce, clock_url }: SandboxEndpoints): NodeJS.ProcessEnv {
  return {
    SALESFORCE_LOGIN_URL: salesforce.login_url,
    SALESFORCE_CLIENT_ID: salesforce.client_id,
    SALESFORCE_CLIENT_SECRET: salesforce.client_secret,
    SCHEDULE_CLOCK_URL: clock_url,
  };
}

function bigqueryOf({ bigquery }: SandboxEndpoints): NodeJS.ProcessEnv {
  return { GOOGLE_CLOUD_PROJECT: bigquery.project, BIGQUERY_LOCATION: bigquery.location, BIGQUERY_API_ENDPOINT: bigquery.endpoint };
}

function withoutEmpty(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value));
}

/** The key that seals the tokens in this data folder's job store. */
async function readTokenKey(dataFolder: string): Promise<string> {
  const file = resolve(dataFolder, 'token-key');
  try {
    await writeFile(file, randomBytes(32).toString('base64'), { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if ((error as { code?: string }).code !== 'EEXIST') throw error;
  }
  return await readFile(file, 'utf8');
}

interface Attached {
  endpoints: SandboxEndpoints;
  close(): Promise<void>;
}

async function attachOrStart(dataFolder: string, clock: string | undefined): Promise<Attached> {
  const running = await findSandbox(dataFolder);
  if (running) return { endpoints: running, close: async () => {} };
  return await startSandboxProcess(dataFolder, clock);
}

/** The sandbox that runs on a data folder, or undefined. One whose process is gone, or is another's now, does not answer. */
async function findSandbox(dataFolder: string): Promise<SandboxEndpoints | undefined> {
  try {
    const endpoints = JSON.parse(await readFile(resolve(dataFolder, ENDPOINTS_FILE), 'utf8')) as SandboxEndpoints;
    process.kill(endpoints.pid, 0);
    const response = await fetch(endpoints.clock_url, { signal: AbortSignal.timeout(2_000) });
    return response.ok ? endpoints : undefined;
  } catch {
    return undefined;
  }
}

async function startSandboxProcess(dataFolder: string, clock: string | undefined): Promise<Attached> {
  const cli = fileURLToPath(new URL('./cli.ts', import.meta.url));
  const args = [cli, 'sandbox', '--data', dataFolder, ...(clock === undefined ? [] : ['--clock', clock])];
  // In a group of its own: the terminal's interrupt is for us, and we stop the sandbox after we have let go of it.
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], detached: true });
  const ended = once(child, 'exit');
  const [message] = (await Promise.race([
    once(child, 'message'),
    ended.then(() => {
      throw new Error(`The sandbox did not start: its output above says why. Its data is in ${dataFolder}.`);
    }),
  ])) as [{ endpoints: SandboxEndpoints }];
  return { endpoints: message.endpoints, close: () => stop(child, ended) };
}

async function stop(child: ChildProcess, ended: Promise<unknown>): Promise<void> {
  child.kill('SIGTERM');
  await ended;
}

function explanation(
  url: string,
  dataFolder: string,
  missing: Record<'database' | 'salesforce' | 'bigquery', boolean>,
  endpoints: SandboxEndpoints | undefined,
): string {
  const local = Object.entries({ Postgres: missing.database, Salesforce: missing.salesforce, BigQuery: missing.bigquery })
    .filter(([, isLocal]) => isLocal)
    .map(([name]) => name);
  return `
The service listens on ${url}, for this machine only, and asks for no API key.
Local: ${local.join(', ') || 'nothing but the service'}. Data: ${dataFolder}
${missing.salesforce ? `Salesforce's login page: ${endpoints?.salesforce.login_url}\n` : ''}
Try it:
  curl --form redirect_uri='https://127.0.0.1/login/callback' ${url}/get_oauth_url
      open the URL that it prints, choose Allow, and copy code=… out of the address that follows (it leads nowhere)
  curl --form redirect_uri='https://127.0.0.1/login/callback' --form authorization_code='…' ${url}/login_oauth_callback
      prints the user_id
  curl --form user_id='…' --form object_name='Account' --form start_date='2024-03-10' ${url}/create_importing_job
  curl '${url}/handle_importing_job?wait=50'
  curl ${url}/jobs
  curl --form user_id='…' --form object_name='Account' ${url}/pause_importing_job
  curl --form user_id='…' --form object_name='Account' ${url}/resume_importing_job
  npm run query -- "SELECT COUNT(*) AS accounts FROM salesforce.Account"

Stop it with Ctrl-C.
`;
}
