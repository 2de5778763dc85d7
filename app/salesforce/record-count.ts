import { AppError } from '../errors.ts';
import type { SalesforceClient } from './client.ts';
import { isTimeout } from './errors.ts';

interface Reply {
  sObjects?: ({ name?: unknown; count?: unknown } | null)[];
}

/** Salesforce's estimate of an object's record count; null if unavailable, as for users without View Setup. @throws AppError */
export async function estimateRecordCount(client: SalesforceClient, objectName: string): Promise<number | null> {
  const reply = await request(client, `count ${objectName}`, `?sObjects=${encodeURIComponent(objectName)}`);
  const count = reply?.sObjects?.[0]?.count;
  return typeof count === 'number' ? count : null;
}

/** @returns null if refused */
async function request(client: SalesforceClient, doing: string, parameters: string): Promise<Reply | null> {
  const path = `/services/data/v${client.version}/limits/recordCount${parameters}`;
  try {
    return await client.call(doing, (connection) => connection.request<Reply | null>(path));
  } catch (error) {
    if (error instanceof AppError && error.code === 'salesforce_refused') return null;
    throw error;
  }
}

/** Salesforce itself refreshes its estimates less often. */
const REMEMBERED_MS = 5 * 60_000;

/** Salesforce's estimates for all objects of an org, so that many jobs can be created with one call. */
export class RecordCounts {
  readonly #known = new Map<number, { counts: Promise<ReadonlyMap<string, number> | null>; until: number }>();

  /** By the object's name; objects without records are missing. Null if unavailable, as for users without View Setup. @throws AppError */
  async read(client: SalesforceClient, connectionId: number): Promise<ReadonlyMap<string, number> | null> {
    const known = this.#known.get(connectionId);
    if (known && known.until > Date.now()) {
      // The call that others wait for ends with its caller.
      const shared = await known.counts.catch(() => undefined);
      if (shared !== undefined) return shared;
    }
    const counts = readAll(client);
    this.#known.set(connectionId, { counts, until: Date.now() + REMEMBERED_MS });
    counts.catch(() => {
      if (this.#known.get(connectionId)?.counts === counts) this.#known.delete(connectionId);
    });
    return await counts;
  }
}

async function readAll(client: SalesforceClient): Promise<ReadonlyMap<string, number> | null> {
  const reply = await request(client, 'count all objects', '');
  if (!Array.isArray(reply?.sObjects)) return null;
  return new Map(reply.sObjects.flatMap((each) => (typeof each?.count === 'number' ? [[String(each.name), each.count] as const] : [])));
}

/** The creation date of an object's oldest record; null if there is none or Salesforce does not return it. @throws AppError */
export async function findFirstCreatedDate(client: SalesforceClient, objectName: string): Promise<Date | null> {
  const soql = `SELECT MIN(CreatedDate) oldest FROM ${objectName}`;
  try {
    const reply = await client.call(`find the first ${objectName}`, (connection) =>
      connection.query<{ oldest: string | null }>(soql, { scanAll: true }),
    );
    const oldest = reply.records[0]?.oldest;
    return oldest ? new Date(oldest) : null;
  } catch (error) {
    // The query may time out on a large object.
    if (isTimeout(error) || (error instanceof AppError && error.code === 'salesforce_refused')) return null;
    throw error;
  }
}
