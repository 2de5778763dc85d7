// A real Postgres for local mode: server binaries from an optional npm package, started on loopback with a data folder.
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chown, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { type Account, NOBODY } from './postgres/account.ts';
import { findBinaries } from './postgres/binaries.ts';
import { ensureDataFolder } from './postgres/data-folder.ts';
import { errorCode } from './postgres/error-code.ts';
import { stopLeftoverServer } from './postgres/leftover-server.ts';
import { ENVIRONMENT, startServer, stopServer } from './postgres/server.ts';
import { StartError } from './start-error.ts';

/** A running server. `dataFolder` may differ from the requested one, see `startPostgres`. */
export interface LocalPostgres {
  /** postgres://user:password@127.0.0.1:PORT/postgres */
  url: string;
  dataFolder: string;
  /** Stops the server and waits for it; open connections are cut. */
  close(): Promise<void>;
}

const USER = 'postgres';

const run = promisify(execFile);

/**
 * Starts Postgres on 127.0.0.1 with `dataFolder`, which is created on first use and persists across restarts.
 * A server that a killed process left running on this folder is stopped first. When started by root, the server runs as user nobody; if
 * that user cannot reach the folder, one under the temporary folder is used instead, always the same for the same requested path.
 */
export async function startPostgres(options: { dataFolder: string; port?: number }): Promise<LocalPostgres> {
  const account = process.getuid?.() === 0 ? NOBODY : undefined;
  const binaries = await findBinaries(account);
  const dataFolder = await ensureDataFolder(resolve(options.dataFolder), account);
  const password = await ensurePassword(dataFolder, account);
  const cluster = join(dataFolder, 'cluster');
  await stopLeftoverServer(cluster);
  await ensureCluster(binaries, dataFolder, cluster, account);
  const { server, port } = await startServer(binaries, dataFolder, cluster, account, options.port);
  return { url: `postgres://${USER}:${password}@127.0.0.1:${port}/postgres`, dataFolder, close: () => stopServer(server) };
}

/** Stores the server's password next to its cluster, readable only by the owner, so that the next start can log in. */
async function ensurePassword(dataFolder: string, account: Account | undefined): Promise<string> {
  const file = join(dataFolder, 'password');
  const code = await errorCode(writeFile(file, randomBytes(24).toString('hex'), { flag: 'wx', mode: 0o600 }));
  if (code !== undefined && code !== 'EEXIST') throw new StartError(`Cannot write ${file} (${code}).`);
  if (account) await chown(file, account.uid, account.gid);
  return (await readFile(file, 'utf8')).trim();
}

/** Creates the cluster under another name and renames it, so that an interrupted initdb is never mistaken for a complete cluster. */
async function ensureCluster(binaries: string, dataFolder: string, cluster: string, account: Account | undefined): Promise<void> {
  if ((await errorCode(stat(join(cluster, 'PG_VERSION')))) === undefined) return;
  const partial = `${cluster}.partial`;
  await rm(partial, { recursive: true, force: true });
  await rm(cluster, { recursive: true, force: true });
  const settings = ['--encoding=UTF8', '--no-locale', '--auth=scram-sha-256', '--no-sync', '--no-instructions'];
  const access = [`--username=${USER}`, `--pwfile=${join(dataFolder, 'password')}`];
  await run(join(binaries, 'bin', 'initdb'), [`--pgdata=${partial}`, ...settings, ...access], {
    cwd: dataFolder,
    env: ENVIRONMENT,
    ...account,
  });
  await rename(partial, cluster);
}
