import type { IncomingHttpHeaders } from 'node:http';
import { PassThrough } from 'node:stream';
import { promisify } from 'node:util';
import { unzip } from 'node:zlib';
import { type Dispatcher, request as send } from 'undici';
import { readRetryAfter } from '../core/retry-after.ts';
import { externalErrorCode } from '../errors.ts';
import { salesforceRequestId } from './http-error.ts';

/** A request to Salesforce's login host or an org's instance. */
export interface SalesforceRequest {
  method: string;
  url: string;
  headers: Record<string, string>;
  body?: string;
}

/** A response with its decoded body. */
export interface SalesforceResponse {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** No response arrived: the request was not delivered, or the connection broke. Never a timeout or an abort. */
export class NoResponseError extends Error {
  override readonly name = 'NoResponse';
  /** false if the request may have had an effect: it was sent and is not a GET */
  readonly isSafeToRetry: boolean;

  constructor({ method, url }: SalesforceRequest, cause: unknown) {
    super(`${new URL(url).host} did not respond`, { cause });
    this.isSafeToRetry = method === 'GET' || NEVER_SENT.has(externalErrorCode(cause) ?? '');
  }
}

/** A response that is not from the API, but from a proxy or edge server, or that is incomplete. */
export class UnusableResponseError extends Error {
  override readonly name = 'UnusableResponse';
  readonly reason: 'redirect' | 'web-page' | 'incomplete' | 'too-large' | 'malformed';
  readonly host: string;
  readonly status: number;
  /** the host that a redirect points to */
  readonly target: string | undefined;
  readonly retryAfterMs: number | undefined;
  /** Salesforce's, for its support; undefined: none */
  readonly requestId: string | undefined;

  constructor(
    reason: UnusableResponseError['reason'],
    host: string,
    status: number,
    options: { target?: string | undefined; cause?: unknown; headers?: IncomingHttpHeaders } = {},
  ) {
    super(`${host} returned an unusable response: ${reason}`, { cause: options.cause });
    this.reason = reason;
    this.host = host;
    this.status = status;
    this.target = options.target;
    this.retryAfterMs = options.headers && readRetryAfter(options.headers);
    this.requestId = options.headers && salesforceRequestId(options.headers);
  }
}

/** Codes of connections that were never established. */
const NEVER_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'CERT_HAS_EXPIRED',
]);

const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/** Limit for bodies read whole, raw and decoded. REST pages and describes take a few megabytes. */
const MAX_BODY_BYTES = 128 * 1024 * 1024;

const decode = promisify(unzip);

/**
 * Sends a request. Never follows a redirect, which would send a token or secret to any host it names.
 * @param limits.signal aborts the request and the reading of its body
 * @param limits.idleMs time limit for the response to start, and between two parts of its body
 * @returns the response with a raw body, which the caller must read to the end or destroy
 * @throws NoResponse; UnusableResponse for redirects and web pages, which the API never returns; the signal's reason
 */
export async function openResponse(
  dispatcher: Dispatcher,
  request: SalesforceRequest,
  { signal, idleMs }: { signal: AbortSignal | undefined; idleMs: number },
): Promise<Dispatcher.ResponseData> {
  const response = await send(request.url, {
    method: request.method as Dispatcher.HttpMethod,
    headers: request.headers,
    body: request.body ?? null,
    dispatcher,
    signal: signal ?? null,
    headersTimeout: idleMs,
    bodyTimeout: idleMs,
  }).catch((error: unknown) => {
    if (signal?.aborted || externalErrorCode(error) === 'UND_ERR_HEADERS_TIMEOUT') throw error;
    throw new NoResponseError(request, error);
  });
  const { statusCode: status, headers, body } = response;
  const redirect = REDIRECTS.has(status);
  if (redirect || /^text\/html\b/i.test(String(headers['content-type'] ?? ''))) {
    // Drain the body in the background: a connection with an unread body cannot be reused.
    body.dump().catch(() => {});
    const target = redirect ? URL.parse(String(headers.location ?? ''), request.url)?.host : undefined;
    throw new UnusableResponseError(redirect ? 'redirect' : 'web-page', new URL(request.url).host, status, {
      target,
      headers,
    });
  }
  return response;
}

/** The limits of a response that is read whole. */
export interface ReadLimits {
  signal: AbortSignal | undefined;
  /** from the first byte sent to the last one received */
  totalMs: number;
  /** of the body, raw and decoded */
  maxBytes?: number;
}

/**
 * Sends a request and reads the whole response.
 * @throws like openResponse; UnusableResponse for a body that is truncated, cannot be decoded or is too large; TimeoutError
 */
export async function readResponse(
  dispatcher: Dispatcher,
  request: SalesforceRequest,
  { signal, totalMs, maxBytes }: ReadLimits,
): Promise<SalesforceResponse> {
  const timeout = AbortSignal.timeout(totalMs);
  const over = signal ? AbortSignal.any([signal, timeout]) : timeout;
  const response = await openResponse(dispatcher, request, { signal: over, idleMs: totalMs });
  return await readBody(request, response, over, maxBytes);
}

/** Reads and decodes the whole body of an open response. @throws like readResponse */
export async function readBody(
  { url }: SalesforceRequest,
  { statusCode: status, headers, body }: Dispatcher.ResponseData,
  signal: AbortSignal | undefined,
  maxBytes = MAX_BODY_BYTES,
): Promise<SalesforceResponse> {
  const unusable = (reason: UnusableResponseError['reason'], cause?: unknown): UnusableResponseError =>
    new UnusableResponseError(reason, new URL(url).host, status, { cause, headers });
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      length += chunk.length;
      // Leaving the loop destroys the body, and its connection.
      if (length > maxBytes) throw unusable('too-large');
    }
  } catch (error) {
    if (signal?.aborted || externalErrorCode(error) === 'UND_ERR_BODY_TIMEOUT' || length > maxBytes) throw error;
    throw unusable('incomplete', error);
  }
  const bytes = Buffer.concat(chunks);
  const encoding = String(headers['content-encoding'] ?? 'identity').toLowerCase();
  if (encoding === 'identity' || length === 0) return { status, headers, body: bytes };
  try {
    return { status, headers, body: await decode(bytes, { maxOutputLength: maxBytes }) };
  } catch (error) {
    throw unusable(externalErrorCode(error) === 'ERR_BUFFER_TOO_LARGE' ? 'too-large' : 'incomplete', error);
  }
}

/**
 * Makes jsforce send through `send` instead of its own transport, which follows redirects with the token and leaves stream errors
 * uncaught. Relies on an internal of jsforce 3.10: `_transport`, on Connection and OAuth2.
 * @param target a Connection or an OAuth2
 */
export function replaceTransport<T extends object>(target: T, send: (request: SalesforceRequest) => Promise<SalesforceResponse>): T {
  const httpRequest = ({ method, url, headers, body }: SalesforceRequest): object => {
    const response = send({ method, url, headers: { ...headers }, ...(body && { body }) }).then((answer) => ({
      statusCode: answer.status,
      headers: Object.fromEntries(Object.entries(answer.headers).map(([name, value]) => [name, [value].flat().join(', ')])),
      body: answer.body.toString('utf8'),
    }));
    // jsforce pipes to the stream but awaits the promise.
    return Object.assign(response, { stream: () => new PassThrough() });
  };
  return Object.assign(target, { _transport: { httpRequest } });
}
