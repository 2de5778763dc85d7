import { createServer } from 'node:net';
import { StartError } from './start-error.ts';

/** Near the service's own 4444, and below what systems give to outgoing connections: Linux from 32768 on, macOS from 49152 on. */
export const DEFAULT_PORT_BASE = 4444;

/** The base is the service's own port; these follow it. */
const OFFSETS = { login: 1, instance: 2, bigquery: 3, postgres: 4 };
const MAX_PORT_BASE = 65_535 - Math.max(...Object.values(OFFSETS));

export type Ports = Record<keyof typeof OFFSETS, number>;

/** Reads `--port-base`; 0 stands for any free ports. @throws StartError */
export function readPortBase(text: string): number {
  const base = Number(text);
  if (text.trim() !== '' && Number.isInteger(base) && base >= 0 && base <= MAX_PORT_BASE) return base;
  throw new StartError(`--port-base must be a whole number from 1 to ${MAX_PORT_BASE}, or 0 for any free ports.`);
}

/**
 * The ports of a base. For base 0: those of before which are free, and 0, which is any, for the others.
 * @throws StartError when a port of another base is taken; Postgres looks after its own, since it first ends what was left running
 */
export async function choosePorts(base: number, before: Partial<Ports>): Promise<Ports> {
  const ports = Object.entries(OFFSETS).map(async ([name, offset]) => {
    if (base > 0) return [name, name === 'postgres' ? base + offset : await freeOrThrow(base + offset)];
    const port = before[name as keyof Ports] ?? 0;
    return [name, port > 0 && (await isFree(port)) ? port : 0];
  });
  return Object.fromEntries(await Promise.all(ports)) as Ports;
}

export function portTaken(port: number): StartError {
  return new StartError(`Port ${port} is taken. Stop what listens there, or move all ports with --port-base.`);
}

export async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const free = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true));
  });
  if (free) await new Promise<void>((resolve) => server.close(() => resolve()));
  return free;
}

async function freeOrThrow(port: number): Promise<number> {
  if (await isFree(port)) return port;
  throw portTaken(port);
}
