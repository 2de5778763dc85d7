import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Dispatcher, request } from 'undici';
import { delayAtLeast, MAX_WAIT_MS } from '../../core/retry-after.ts';
import { AppError } from '../../errors.ts';
import { translateBigQueryError } from '../errors.ts';
import { readResponseError } from '../response-error.ts';
import type { Warehouse } from '../warehouse.ts';

/** Shared by both of Google's upload protocols. */

const MAX_FAILURES = 6;
const FIRST_PAUSE_MS = 500;

/** Sends an upload request, which times out when idle. Gets a token each time, because one may expire during a long upload. */
export async function sendUploadRequest(
  warehouse: Warehouse,
  url: string,
  options: { method: 'POST' | 'PUT'; headers: Record<string, string>; body: string | Readable },
): Promise<Dispatcher.ResponseData> {
  const headers = { ...(await warehouse.authHeaders()), ...options.headers };
  const { signal, dispatcher, limits } = warehouse;
  const idle = { headersTimeout: limits.bigqueryCallMs, bodyTimeout: limits.bigqueryCallMs };
  const response = await request(url, { ...options, ...idle, headers, signal, dispatcher });
  warehouse.recordActivity();
  if (response.statusCode === 401) warehouse.forgetToken();
  return response;
}

/** Drains a body so that its connection can be reused. */
export async function discardBody<T>(response: Dispatcher.ResponseData, result: T): Promise<T> {
  await response.body.dump();
  return result;
}

/** Translates BigQuery's error response. */
export async function readErrorResponse(response: Dispatcher.ResponseData): Promise<AppError> {
  return translateBigQueryError(await readResponseError(response), 'upload a page');
}

/**
 * Waits with exponential backoff, and as long as BigQuery demands.
 * @throws AppError after too many failures, a permanent one or one with a long wait; the signal's reason
 */
export async function backOff({ signal }: Warehouse, failures: number, cause: unknown): Promise<void> {
  signal.throwIfAborted();
  const retryAfterMs = cause instanceof AppError ? cause.retryAfterMs : undefined;
  if (cause instanceof AppError && (cause.recovery !== 'retry' || (retryAfterMs ?? 0) > MAX_WAIT_MS)) throw cause;
  if (failures >= MAX_FAILURES) {
    if (cause !== undefined) throw translateBigQueryError(cause, 'upload a page');
    throw new AppError(
      'bigquery_unavailable',
      `Could not upload a page: BigQuery stored none of its bytes in ${MAX_FAILURES} consecutive attempts.`,
    );
  }
  const pauseMs = FIRST_PAUSE_MS * 2 ** (failures - 1) * (0.5 + Math.random() / 2);
  await sleep(delayAtLeast(retryAfterMs, pauseMs, Math.random()), undefined, { signal });
}
