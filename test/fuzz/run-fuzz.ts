import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { startBigQuery } from '../../app/local/emulators/bigquery/rest/bigquery.ts';
import { startPostgres } from '../../app/local/emulators/postgres.ts';
import { startSalesforce } from '../../app/local/emulators/salesforce/salesforce.ts';
import { findLeaks, type Needle } from '../support/leaks.ts';
import { decide, REDIRECT_URI } from '../support/service.ts';
import { serviceEnvironment } from '../support/service-environment.ts';
import { type HostileRequest, hostileRequest, type Target } from './hostile-request.ts';
import { sendRaw } from './send-raw.ts';

/** The last line of the program. */
export interface FuzzResult {
  seed: number;
  requests: number;
  /** responses by the first digit of their status; none: the connection was closed without one */
  statuses: Record<string, number>;
  fiveHundreds: number;
  /** the process ended, or logged an uncaught error */
  crashes: number;
  /** requests without a response or an end of the connection, and calls of an ordinary client that failed */
  hangs: number;
  /** responses and log lines with a secret, or with a place in the code */
  leaks: number;
}

export interface Fuzz {
  result: FuzzResult;
  /** what was wrong, one sentence each */
  wrong: string[];
}

const ROLES = ['read', 'data', 'operate', 'admin', 'tick'] as const;

const AT_ONCE = 128;

/** An ordinary client calls once in this many requests. */
const ORDINARY = 500;
const ORDINARY_MS = 20_000;

/** A place in the code, such as a stack frame. */
const CODE_PLACE = /\/app\/\w[\w/-]*\.ts|node:internal|node_modules/;

/** Sends so many hostile requests to the service, in a process of its own, and judges its responses and its log. */
export async function runFuzz(seed: number, requests: number, progress: (line: string) => void, from = 0): Promise<Fuzz> {
  await using service = await startTarget();
  const statuses: Record<string, number> = {};
  const wrong: string[] = [];
  const counts = { fiveHundreds: 0, crashes: 0, hangs: 0, leaks: 0 };
  const blame = (what: keyof typeof counts, message: string, request?: HostileRequest): void => {
    counts[what]++;
    wrong.push(
      request
        ? `${what}: request ${request.number}: ${message}: ${JSON.stringify(request.bytes.toString('latin1').slice(0, 300))}`
        : `${what}: ${message}`,
    );
  };
  let next = from;
  const worker = async (): Promise<void> => {
    while (next < from + requests && service.isRunning()) {
      const request = hostileRequest(seed, next++, service.target);
      const { text, hung } = await sendRaw(service.port, request);
      const status = /^HTTP\/1\.1 (\d)\d\d/.exec(text)?.[1];
      const name = status === undefined ? 'none' : `${status}xx`;
      statuses[name] = (statuses[name] ?? 0) + 1;
      for (const [line] of text.matchAll(/^HTTP\/1\.1 5\d\d .*$/gm)) blame('fiveHundreds', line.trim(), request);
      if (hung) blame('hangs', 'neither a response nor an end of the connection', request);
      for (const leak of findLeaks(service.secrets(), [{ where: 'the response', text }])) blame('leaks', leak, request);
      if (CODE_PLACE.test(text)) blame('leaks', 'a place in the code', request);
      if (request.number % ORDINARY === ORDINARY - 1) {
        progress(`${request.number + 1 - from} of ${requests} requests`);
        const ordinary = await service.callNormally();
        if (ordinary !== 200) blame('hangs', `an ordinary call after request ${request.number} returned ${ordinary}`);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  if (!service.isRunning()) blame('crashes', `the service ended after request ${next - 1}`);
  for (const line of service.log.filter((each) => each.includes('"uncaught_error"'))) blame('crashes', line);
  for (const leak of findLeaks(service.secrets(), [{ where: 'the log', text: service.log.join('\n') }])) blame('leaks', leak);
  return { result: { seed, requests: next - from, statuses, ...counts }, wrong };
}

interface FuzzTarget extends AsyncDisposable {
  port: number;
  target: Target;
  log: string[];
  isRunning(): boolean;
  /** Every secret so far. */
  secrets(): Needle[];
  /** A call as any client makes it. @returns its status, or why it failed */
  callNormally(): Promise<number | string>;
}

/** The service with a key of each role and one job, against the emulators. */
async function startTarget(): Promise<FuzzTarget> {
  const folder = await mkdtemp(join(tmpdir(), 'salesforce-bigquery-fuzz-'));
  await chmod(folder, 0o711);
  const postgres = await startPostgres({ dataFolder: join(folder, 'postgres') });
  const [salesforce, bigquery] = [await startSalesforce({ now: '2023-03-10T00:10:00Z', size: 10 }), await startBigQuery()];
  const keys = Object.fromEntries(ROLES.map((role) => [role, `fuzz-key-of-role-${role}-0123456789`]));
  const hashes = Object.entries(keys).map(([role, key]) => `${role}:${role}:${createHash('sha256').update(key).digest('hex')}`);
  const env: Record<string, string> = {
    ...serviceEnvironment(postgres.url, salesforce, bigquery),
    API_KEYS: hashes.join(','),
    SCHEDULE_CLOCK_URL: `${salesforce.instanceUrl}/emulator/clock`,
    PORT: '0',
    PATH: process.env.PATH!,
    HOME: folder,
    WRONG_KEYS_PER_MINUTE: '1000000',
    REQUESTS_PER_SECOND: '100000',
  };
  const args = ['app/cli.ts', 'serve', '--local', '--no-tick', '--data', join(folder, 'data')];
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  // Also if this process fails before it has a target.
  process.once('exit', () => child.kill('SIGKILL'));
  const log: string[] = [];
  const port = await listening(child, log);
  const url = `http://127.0.0.1:${port}`;
  const call = async (path: string, fields?: Record<string, string>): Promise<string> => {
    const body = fields && { method: 'POST', body: new URLSearchParams(fields) };
    return await (await fetch(`${url}/${path}`, { ...body, headers: { 'X-API-Key': keys.admin! } })).text();
  };
  const redirect = await decide(await call('get_oauth_url', { redirect_uri: REDIRECT_URI }), 'allow');
  const userId = await call('login_oauth_callback', { redirect_uri: REDIRECT_URI, authorization_code: redirect.searchParams.get('code')! });
  await call('create_importing_job', { user_id: userId, object_name: 'Account', start_date: '2023-03-01' });
  await call('handle_importing_job', { wait: '30' });
  const [job] = (JSON.parse(await call('jobs')) as { jobs: { id: string; run: { id: string } }[] }).jobs;
  return {
    port,
    log,
    target: { host: `127.0.0.1:${port}`, keys, userId, jobId: job!.id, runId: job!.run.id },
    isRunning: () => child.exitCode === null && child.signalCode === null,
    secrets: () => [
      ...Object.values(keys).map((text) => ({ what: 'an API key', text })),
      ...salesforce.secrets().map((text) => ({ what: 'a Salesforce secret', text })),
      { what: 'a token key', text: env.TOKEN_KEYS! },
    ],
    callNormally: () =>
      fetch(`${url}/jobs`, { headers: { 'X-API-Key': keys.read! }, signal: AbortSignal.timeout(ORDINARY_MS) }).then(
        async (response) => {
          await response.text();
          return response.status;
        },
        (error: Error) => error.name,
      ),
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      await Promise.all([salesforce.close(), bigquery.close(), postgres.close()]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Collects a process's log. @returns the port on which it listens @throws Error if it ends first */
async function listening(child: ChildProcess, log: string[]): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  createInterface({ input: child.stdout! }).on('line', (line) => {
    log.push(line);
    if (line.includes('"event":"listening"')) resolve((JSON.parse(line) as { port: number }).port);
  });
  child.once('exit', () => reject(new Error(`The service ended at its start:\n${log.join('\n')}`)));
  return await promise;
}
