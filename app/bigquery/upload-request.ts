import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Dispatcher, request } from 'undici';
import { AppError } from '../errors.ts';
import { translateBigQueryError } from './errors.ts';
import type { Warehouse } from './warehouse.ts';

/** What both of Google's upload protocols need. */

const MAX_FAILURES = 6;
const FIRST_PAUSE_MS = 500;

/** Sends a request of an upload, which ends when no byte moves for as long as a call may take. The token may end during a long upload. */
export async function sendUpload(
  warehouse: Warehouse,
  url: string,
  options: { method: 'POST' | 'PUT'; headers: Record<string, string>; body: string | Readable },
): Promise<Dispatcher.ResponseData> {
  const headers = { ...(await warehouse.authHeaders()), ...options.headers };
  const { signal, dispatcher, limits } = warehouse;
  const idle = { headersTimeout: limits.bigqueryCallMs, bodyTimeout: limits.bigqueryCallMs };
  const response = await request(url, { ...options, ...idle, headers, signal, dispatcher });
  warehouse.recordActivity();
  return response;
}

/** Reads a body to its end, so that its connection can be used again. */
export async function discard<T>(response: Dispatcher.ResponseData, result: T): Promise<T> {
  await response.body.dump();
  return result;
}

/** What BigQuery says of a refusal. */
export async function readError(response: Dispatcher.ResponseData): Promise<AppError> {
  const text = await response.body.text();
  let body: { error?: { message?: string; errors?: { reason?: string }[] } } = {};
  try {
    body = JSON.parse(text) as typeof body;
  } catch {
    // Not BigQuery's own words, such as a proxy's page: the status must do.
  }
  const error = Object.assign(new Error(body.error?.message ?? ''), { code: response.statusCode, errors: body.error?.errors ?? [] });
  return translateBigQueryError(error, 'upload a page');
}

/** Waits, longer after each failure. @throws AppError after too many of them, or one that does not pass, or when told to stop */
export async function pauseAfter({ signal }: Warehouse, failures: number, cause: unknown): Promise<void> {
  signal.throwIfAborted();
  if (cause instanceof AppError && cause.recovery !== 'retry') throw cause;
  if (failures >= MAX_FAILURES) {
    if (cause !== undefined) throw translateBigQueryError(cause, 'upload a page');
    throw new AppError('bigquery_unavailable', `Could not upload a page: BigQuery kept none of its bytes, ${MAX_FAILURES} times in a row.`);
  }
  await sleep(FIRST_PAUSE_MS * 2 ** (failures - 1) * (0.5 + Math.random() / 2), undefined, { signal });
}
