import { type ChildProcess, spawn } from 'node:child_process';
import { open, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isPortFree, portTakenError } from '../ports.ts';
import { StartError } from '../start-error.ts';
import type { Account } from './account.ts';

const START_ATTEMPTS = 4;
const START_TIMEOUT_MS = 60_000;
export const STOP_TIMEOUT_MS = 20_000;
export const POLL_MS = 20;

/** Starts the server on a cluster and waits until it accepts connections. @param wantedPort any free port by default */
export async function startServer(
  binaries: string,
  dataFolder: string,
  cluster: string,
  account: Account | undefined,
  wantedPort?: number,
) {
  const log = join(dataFolder, 'postgres.log');
  for (let attempt = 1; ; attempt += 1) {
    const port = wantedPort || (await freePort());
    const server = await spawnServer(binaries, cluster, log, port, account);
    if (await isReady(server, cluster)) return { server, port };
    // Another process may have taken the free port in the meantime, and the children of a killed server need a moment to exit.
    if (attempt === START_ATTEMPTS && wantedPort && !(await isPortFree(wantedPort))) throw portTakenError(wantedPort);
    if (attempt === START_ATTEMPTS)
      throw new StartError(`Postgres did not start with ${cluster}: ${(await readFile(log, 'utf8')).trim().slice(-800)}`);
    await delay(attempt * 100);
  }
}

async function spawnServer(
  binaries: string,
  cluster: string,
  log: string,
  port: number,
  account: Account | undefined,
): Promise<ChildProcess> {
  const settings = [
    'listen_addresses=127.0.0.1',
    `port=${port}`,
    'unix_socket_directories=',
    'timezone=UTC',
    'log_timezone=UTC',
    'shared_buffers=32MB',
    // Rows need not survive a power failure here, and this makes starts and tests faster.
    'fsync=off',
    'synchronous_commit=off',
    'full_page_writes=off',
  ];
  const output = await open(log, 'w', 0o600);
  try {
    // Its own process group: Ctrl-C in the terminal reaches only the emulators, which stop the server themselves.
    return spawn(join(binaries, 'bin', 'postgres'), ['-D', cluster, ...settings.flatMap((setting) => ['-c', setting])], {
      cwd: cluster,
      env: ENVIRONMENT,
      detached: true,
      stdio: ['ignore', output.fd, output.fd],
      ...account,
    });
  } finally {
    await output.close();
  }
}

/** Waits until the server reports `ready` in its pid file (8th line). @returns false if it exited instead */
async function isReady(server: ChildProcess, cluster: string): Promise<boolean> {
  const stopWithUs = () => void server.kill('SIGINT');
  process.once('exit', stopWithUs);
  server.once('exit', () => process.removeListener('exit', stopWithUs));
  server.once('error', () => process.removeListener('exit', stopWithUs));
  for (let waited = 0; waited < START_TIMEOUT_MS; waited += POLL_MS) {
    if (server.pid === undefined || hasExited(server)) return false;
    const lines = (await readFile(join(cluster, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
    if (Number(lines[0]) === server.pid && lines[7]?.trim() === 'ready') return true;
    await delay(POLL_MS);
  }
  await stopServer(server);
  return false;
}

/** Stops the server and waits for it to exit. */
export async function stopServer(server: ChildProcess): Promise<void> {
  if (server.pid === undefined || hasExited(server)) return;
  const ended = new Promise<void>((done) => server.once('exit', () => done()));
  const timer = setTimeout(() => server.kill('SIGQUIT'), STOP_TIMEOUT_MS);
  server.kill('SIGINT');
  await ended;
  clearTimeout(timer);
}

const hasExited = (server: ChildProcess) => server.exitCode !== null || server.signalCode !== null;

/** Inherits nothing: PG… and LD… variables of the caller would change the server's behavior. */
export const ENVIRONMENT = { LC_ALL: 'C', TZ: 'UTC' };

function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const probe = createServer();
    probe.once('error', fail);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => done(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
