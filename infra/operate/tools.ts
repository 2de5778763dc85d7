import { resolveNs } from 'node:dns/promises';
import { run } from './program.ts';

/** What preflight asks: programs, DNS and Google's APIs. */
export interface Tools {
  /** @returns its stdout @throws Error with its stderr */
  run(program: string, args: string[]): Promise<string>;
  resolveNs(name: string): Promise<string[]>;
  /** @returns the status and the parsed body */
  request(url: string, token: string, body?: object): Promise<{ status: number; body: unknown }>;
}

/** The programs on the PATH, the machine's DNS, and Google's APIs. */
export const realTools: Tools = {
  run,
  resolveNs,
  async request(url, token, body) {
    const response = await fetch(url, {
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
      signal: AbortSignal.timeout(20_000),
      ...(body && { method: 'POST', body: JSON.stringify(body) }),
    });
    return { status: response.status, body: await response.json().catch(() => undefined) };
  },
};
