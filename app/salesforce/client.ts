import type { IncomingHttpHeaders } from 'node:http';
// Only this: the whole of jsforce takes 6 MB more.
import { Connection } from 'jsforce/lib/connection.js';
import type { Dispatcher } from 'undici';
import type { Limits } from '../core/connections/limits.ts';
import type { ApiUsage } from '../core/connections/quota.ts';
import { retryAfterOf } from '../core/retry-after.ts';
import { AppError, isAppError } from '../errors.ts';
import { isSessionRefused, requestIdOf, sessionStillRefusedError, translateSalesforceError, webPageError } from './errors.ts';
import { toHttpError } from './http-error.ts';
import { isInstanceHost } from './instance-host.ts';
import { readApiUsage } from './read-api-usage.ts';
import {
  NoResponseError,
  openResponse,
  type ReadLimits,
  readBody,
  readResponse,
  replaceTransport,
  type SalesforceRequest,
  type SalesforceResponse,
  UnusableResponseError,
} from './transport.ts';

/** An org's address and an access token for it. */
export interface Session {
  accessToken: string;
  instanceUrl: string;
}

/** The source of a client's sessions. */
export interface SessionSource {
  current(): Promise<Session>;
  /**
   * Returns a session other than the failed one, if possible.
   * @param reason `refused`: Salesforce refused the access token; `moved`: the org no longer seems to be at its instance URL. The session
   * may come back unchanged if the login host was contacted recently.
   */
  renew(failed: Session, reason: 'refused' | 'moved', signal: AbortSignal | undefined): Promise<Session>;
}

export interface SalesforceClientOptions {
  /** the API version */
  version: string;
  /** whether to request compressed bodies */
  gzip: boolean;
  limits: Pick<Limits, 'idleMs' | 'pollMs'>;
  /** as URLs: the configured login hosts and SALESFORCE_HOSTS */
  trustedHosts: readonly string[];
  /** called once per API call, with the org's API usage if the response reported it */
  onCall: (usage: ApiUsage | undefined) => void;
  /** aborts every call of this client */
  signal?: AbortSignal | undefined;
}

const NAME = 'salesforce-bigquery-sync';

/** Size limit for the body of an error response to a page request. */
const MAX_ERROR_BYTES = 64 * 1024;

/**
 * Calls one connection's org, using the current session for each call. If the session is refused or the org seems to have moved, renews
 * the session once and retries. Translates errors.
 */
export class SalesforceClient {
  readonly version: string;
  /** the first poll interval of a Bulk job */
  readonly pollMs: number;
  readonly #sessions: SessionSource;
  readonly #dispatcher: Dispatcher;
  readonly #idleMs: number;
  readonly #trustedHosts: readonly string[];
  readonly #onCall: (usage: ApiUsage | undefined) => void;
  readonly #signal: AbortSignal | undefined;
  readonly #encoding: 'gzip' | 'identity';
  #calls = 0;

  constructor(sessions: SessionSource, dispatcher: Dispatcher, options: SalesforceClientOptions) {
    this.#sessions = sessions;
    this.#dispatcher = dispatcher;
    this.version = options.version;
    this.pollMs = options.limits.pollMs;
    this.#idleMs = options.limits.idleMs;
    this.#trustedHosts = options.trustedHosts;
    this.#onCall = options.onCall;
    this.#signal = options.signal;
    this.#encoding = options.gzip ? 'gzip' : 'identity';
  }

  /** The calls of this client so far, as Salesforce counts them. */
  get calls(): number {
    return this.#calls;
  }

  /**
   * Makes a call through jsforce. We do not use its token refresh, which takes no lock and drops a rotated refresh token.
   * @param doing the action, for error messages: "describe Account"
   * @throws AppError
   */
  async call<T>(doing: string, work: (connection: Connection) => PromiseLike<T>): Promise<T> {
    return await this.#withSession(doing, async (session) => {
      const connection = new Connection({ ...session, version: this.version, callOptions: { client: NAME } });
      const send = async (request: SalesforceRequest): Promise<SalesforceResponse> => {
        const accepting = { ...request, headers: { ...request.headers, 'accept-encoding': this.#encoding } };
        const response = requireSuccess(await this.#read(accepting, this.#signal));
        return requireJson(request, response);
      };
      return await work(replaceTransport(connection, send));
    });
  }

  /**
   * GETs a resource and reads the whole decoded body.
   * @param path below the instance URL
   * @param headers may include If-Modified-Since
   * @throws AppError for any status other than 2xx and 304
   */
  async get(doing: string, path: string, headers: Record<string, string>, signal = this.#signal): Promise<SalesforceResponse> {
    return await this.#withSession(doing, async (session) => {
      const response = await this.#read(this.#request('GET', session, path, headers), signal);
      return response.status === 304 ? response : requireSuccess(response);
    });
  }

  /**
   * POSTs JSON and reads the whole decoded body.
   * @param path below the instance URL
   * @param limits of the call: its total time, and the size of its decoded body
   * @throws AppError for any status other than 2xx
   */
  async post(doing: string, path: string, body: object, limits: ReadLimits): Promise<SalesforceResponse> {
    return await this.#withSession(doing, async (session) => {
      const headers = { accept: 'application/json', 'content-type': 'application/json' };
      const request = { ...this.#request('POST', session, path, headers), body: JSON.stringify(body) };
      return requireSuccess(await this.#counted(request, () => readResponse(this.#dispatcher, request, limits)));
    });
  }

  /**
   * GETs a resource and returns its raw body, possibly compressed. The caller must read the body to the end or destroy it.
   * @param path below the instance URL
   * @throws AppError for any status other than 200
   */
  async fetch(doing: string, path: string, signal: AbortSignal, headers: Record<string, string>): Promise<Dispatcher.ResponseData> {
    return await this.#withSession(doing, async (session) => {
      const request = this.#request('GET', session, path, headers);
      const response = await this.#counted(request, () => openResponse(this.#dispatcher, request, { signal, idleMs: this.#idleMs }));
      if (response.statusCode === 200) return response;
      throw errorOf(await readBody(request, response, signal, MAX_ERROR_BYTES));
    });
  }

  #request(
    method: 'GET' | 'POST',
    { accessToken, instanceUrl }: Session,
    path: string,
    headers: Record<string, string>,
  ): SalesforceRequest {
    // Some paths come from responses, and none may lead to another host.
    if (!/^\/[^/\\]/.test(path)) throw new AppError('salesforce_unavailable', 'Salesforce returned a malformed resource path.');
    return {
      method,
      url: `${instanceUrl}${path}`,
      headers: {
        authorization: `Bearer ${accessToken}`,
        'sforce-call-options': `client=${NAME}`,
        'accept-encoding': this.#encoding,
        ...headers,
      },
    };
  }

  async #read(request: SalesforceRequest, signal: AbortSignal | undefined): Promise<SalesforceResponse> {
    const limits = { signal, totalMs: this.#idleMs };
    return await this.#counted(request, () => readResponse(this.#dispatcher, request, limits));
  }

  /** Sends a request and retries it once if that is safe: a keep-alive connection may have just been closed. Each attempt counts as a call. */
  async #counted<R extends { headers: IncomingHttpHeaders }>(request: SalesforceRequest, send: () => Promise<R>): Promise<R> {
    const once = async (): Promise<R> => {
      let usage: ApiUsage | undefined;
      try {
        const response = await send();
        usage = readApiUsage(response.headers['sforce-limit-info']);
        return response;
      } finally {
        this.#calls++;
        this.#onCall(usage);
      }
    };
    try {
      return await once();
    } catch (error) {
      if (!isSafeToRetry(request, error)) throw error;
    }
    return await once();
  }

  async #withSession<T>(doing: string, work: (session: Session) => Promise<T>): Promise<T> {
    const session = await this.#sessions.current();
    let failure: unknown;
    try {
      return await this.#at(session, work);
    } catch (error) {
      failure = error;
    }
    const reason = reasonToRenew(failure);
    if (!reason) throw translateFailure(failure, doing);
    const renewed = await this.#sessions.renew(session, reason, this.#signal).catch((error: unknown) => {
      // If the login host is unavailable too, the first failure is more informative.
      throw reason === 'moved' && isAppError(error) && error.recovery === 'retry' ? translateFailure(failure, doing) : error;
    });
    if (reason === 'moved' && renewed.instanceUrl === session.instanceUrl) throw translateFailure(failure, doing);
    if (reason === 'refused' && renewed.accessToken === session.accessToken) throw sessionStillRefusedError(failure, doing);
    try {
      return await this.#at(renewed, work);
    } catch (error) {
      throw reason === 'refused' && isSessionRefused(error) ? sessionStillRefusedError(error, doing) : translateFailure(error, doing);
    }
  }

  async #at<T>(session: Session, work: (session: Session) => Promise<T>): Promise<T> {
    if (!isInstanceHost(session.instanceUrl, this.#trustedHosts)) throw new UntrustedInstanceError(session.instanceUrl);
    return await work(session);
  }
}

/** The login host returned an instance URL that we must not send a token to. */
class UntrustedInstanceError extends Error {
  override readonly name = 'ForeignInstance';
  readonly host: string;

  constructor(instanceUrl: string) {
    super('the instance is not a Salesforce host');
    this.host = URL.parse(instanceUrl)?.host || 'an address without a host';
  }
}

/** True if repeating the request cannot repeat its effect. */
function isSafeToRetry({ method }: SalesforceRequest, error: unknown): boolean {
  if (error instanceof NoResponseError) return error.isSafeToRetry;
  return method === 'GET' && error instanceof UnusableResponseError && error.reason === 'incomplete';
}

/**
 * Why to request another session from the login host. A host that redirects, returns a web page or twice does not respond may be the
 * org's old address, from before a migration or a change of My Domain.
 */
function reasonToRenew(error: unknown): 'refused' | 'moved' | undefined {
  if (isSessionRefused(error)) return 'refused';
  if (error instanceof UnusableResponseError) return ['redirect', 'web-page'].includes(error.reason) ? 'moved' : undefined;
  return error instanceof UntrustedInstanceError || (error instanceof NoResponseError && error.isSafeToRetry) ? 'moved' : undefined;
}

function translateFailure(error: unknown, doing: string): AppError {
  if (error instanceof UnusableResponseError && error.reason === 'web-page') return webPageError(doing, error.status, error);
  if (error instanceof UnusableResponseError)
    return new AppError('salesforce_unavailable', unusableMessage(error, doing), {
      cause: error,
      details: { http_status: error.status, ...requestIdOf(error) },
      ...retryAfterOf(error),
    });
  if (error instanceof UntrustedInstanceError) {
    const text = `Could not ${doing}: the login host returned the org address ${error.host}, which is not a Salesforce host, so no token was sent to it. Check SALESFORCE_LOGIN_URL and SALESFORCE_APPS.`;
    return new AppError('salesforce_refused', text, { cause: error, recovery: 'defer' });
  }
  return translateSalesforceError(error, doing);
}

function unusableMessage({ reason, host, status, target }: UnusableResponseError, doing: string): string {
  switch (reason) {
    case 'redirect':
      return `Could not ${doing}: ${host} redirects to ${target ?? 'an unknown host'}, but the login host reports no new address for the org.`;
    case 'incomplete':
      return `Could not ${doing}: the response from ${host} was incomplete.`;
    case 'too-large':
      return `Could not ${doing}: the response from ${host} is too large.`;
    default:
      return `Could not ${doing}: ${host} returned a malformed response (HTTP ${status}).`;
  }
}

/** jsforce would drop the status and the headers of an error. @throws SalesforceHttpError for any status other than 2xx */
function requireSuccess(response: SalesforceResponse): SalesforceResponse {
  if (response.status < 200 || response.status > 299) throw errorOf(response);
  return response;
}

/** Rejects other bodies, which jsforce would return as text results. */
function requireJson({ url }: SalesforceRequest, response: SalesforceResponse): SalesforceResponse {
  const { status, headers, body } = response;
  if (status === 204) return response;
  try {
    if (!/^application\/json\b/i.test(headers['content-type'] ?? '')) throw new TypeError('not JSON by its header');
    JSON.parse(body.toString('utf8'));
    return response;
  } catch {
    throw new UnusableResponseError('malformed', new URL(url).host, status);
  }
}

function errorOf({ status, headers, body }: SalesforceResponse): Error {
  try {
    return toHttpError(status, JSON.parse(body.toString('utf8')), headers);
  } catch {
    return toHttpError(status, undefined, headers);
  }
}
