import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { createImageFolder } from '../infra/support/image-folder.ts';
import type { EmulatorParts } from './emulator.ts';
import { Program } from './program.ts';

/** How long the service idles before its memory is read: its watches have run by then. */
const IDLE_MS = 20_000;

/** A start of the service, and what it needs when nothing is due. */
export interface IdleService {
  /** until it accepts requests */
  startSeconds: number;
  /** resident memory, MB */
  rssMb: number;
}

/** Starts the service several times as its image does: from the production files and packages only. */
export async function startIdleService(rounds: number): Promise<IdleService[]> {
  await using emulator = await Program.start('emulator.ts', { args: [JSON.stringify({ size: 10 })] });
  await using folder = await createImageFolder();
  const { SCHEDULE_CLOCK_URL: _, ...parts } = (emulator.started as EmulatorParts).env;
  const env = { ...parts, ...folder.env, HOST: '127.0.0.1', PORT: '0', API_KEYS: `bench:operate:${digest('key')}` };
  // The first start migrates the job store.
  await startOnce(folder.path, env, 0);
  const starts: IdleService[] = [];
  while (starts.length < rounds) starts.push(await startOnce(folder.path, env, IDLE_MS));
  return starts;
}

async function startOnce(cwd: string, env: Record<string, string>, idleMs: number): Promise<IdleService> {
  const startedAt = performance.now();
  const service = spawn(process.execPath, ['app/cli.ts', 'serve'], { cwd, env, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(service, 'exit');
  await Promise.race([listening(service), ended.then(([code]) => Promise.reject(new Error(`The service exited with ${code}.`)))]);
  const startSeconds = (performance.now() - startedAt) / 1000;
  await sleep(idleMs);
  const rssMb = residentMb(service.pid!);
  service.kill('SIGTERM');
  await ended;
  return { startSeconds, rssMb };
}

async function listening(service: ChildProcess): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  createInterface({ input: service.stdout! }).on('line', (line) => {
    if (line.includes('"event":"listening"')) resolve();
  });
  await promise;
}

function residentMb(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024;
}

function digest(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}
