import type { ApiUsage } from '../core/quota.ts';

/** Reads the header with which Salesforce tells the org's API calls, `api-usage=24/15000`; undefined where it does not tell them. */
export function readLimitInfo(header: string | string[] | undefined): ApiUsage | undefined {
  const [, used, limit] = /api-usage=(\d+)\/(\d+)/.exec(String(header ?? '')) ?? [];
  return used && limit ? { used: Number(used), limit: Number(limit) } : undefined;
}
