import { execFile } from 'node:child_process';
import { readFile, readlink, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { StartError } from '../start-error.ts';
import { POLL_MS, STOP_TIMEOUT_MS } from './server.ts';

const run = promisify(execFile);

/** Stops a server that a killed process left running on this cluster. */
export async function stopLeftoverServer(cluster: string): Promise<void> {
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
