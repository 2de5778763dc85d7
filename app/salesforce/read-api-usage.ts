import type { ApiUsage } from '../core/connections/quota.ts';

/** Reads the org's API usage from a Sforce-Limit-Info header (`api-usage=24/15000`); undefined if it is missing. */
export function readApiUsage(header: string | string[] | undefined): ApiUsage | undefined {
  const [, used, limit] = /api-usage=(\d+)\/(\d+)/.exec(String(header ?? '')) ?? [];
  return used && limit ? { used: Number(used), limit: Number(limit) } : undefined;
}
