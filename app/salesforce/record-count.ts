import { AppError } from '../errors.ts';
import type { SalesforceClient } from './client.ts';
import { isTimeout } from './errors.ts';

/** Salesforce's estimate of an object's record count; null if unavailable, as for users without View Setup. @throws AppError */
export async function estimateRecordCount(client: SalesforceClient, objectName: string): Promise<number | null> {
  const path = `/services/data/v${client.version}/limits/recordCount?sObjects=${encodeURIComponent(objectName)}`;
  try {
    const reply = await client.call(`count ${objectName}`, (connection) =>
      connection.request<{ sObjects?: ({ count?: unknown } | null)[] } | null>(path),
    );
    const count = reply?.sObjects?.[0]?.count;
    return typeof count === 'number' ? count : null;
  } catch (error) {
    if (error instanceof AppError && error.code === 'salesforce_refused') return null;
    throw error;
  }
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
