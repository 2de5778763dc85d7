import { createServer } from 'node:net';
import { StartError } from './start-error.ts';

/** The service's default port. The ports after it lie below the ephemeral range: from 32768 on Linux, from 49152 on macOS. */
export const DEFAULT_PORT_BASE = 4444;

/** Offsets from the service's own port, the base. */
const OFFSETS = { login: 1, instance: 2, bigquery: 3, postgres: 4 };
const MAX_PORT_BASE = 65_535 - Math.max(...Object.values(OFFSETS));

export type Ports = Record<keyof typeof OFFSETS, number>;

/** Parses `--port-base`; 0 means any free ports. @throws StartError */
export function readPortBase(text: string): number {
  const base = Number(text);
  if (text.trim() !== '' && Number.isInteger(base) && base >= 0 && base <= MAX_PORT_BASE) return base;
  throw new StartError(`--port-base must be a whole number from 1 to ${MAX_PORT_BASE}, or 0 for any free ports.`);
}

/**
 * The emulators' ports for a base. For base 0, reuses the previous ports that are free, and returns 0 (any) for the others.
 * @throws StartError if a fixed port is in use. Postgres checks its own port, after it has stopped a leftover server.
 */
export async function choosePorts(base: number, before: Partial<Ports>): Promise<Ports> {
  const ports = Object.entries(OFFSETS).map(async ([name, offset]) => {
    if (base > 0) return [name, name === 'postgres' ? base + offset : await requireFreePort(base + offset)];
    const port = before[name as keyof Ports] ?? 0;
    return [name, port > 0 && (await isPortFree(port)) ? port : 0];
  });
  return Object.fromEntries(await Promise.all(ports)) as Ports;
}

export function portTakenError(port: number): StartError {
  return new StartError(`Port ${port} is already in use. Stop the process that uses it, or move all ports with --port-base.`);
}

export async function isPortFree(port: number): Promise<boolean> {
  const server = createServer();
  const free = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true));
  });
  if (free) await new Promise<void>((resolve) => server.close(() => resolve()));
  return free;
}

async function requireFreePort(port: number): Promise<number> {
  if (await isPortFree(port)) return port;
  throw portTakenError(port);
}
