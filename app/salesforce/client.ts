import type { IncomingHttpHeaders } from 'node:http';
import jsforce from 'jsforce';
import type { Dispatcher } from 'undici';
import type { Limits } from '../core/limits.ts';
import type { ApiUsage } from '../core/quota.ts';
import { AppError, isAppError } from '../errors.ts';
import { isSessionRefused, sessionStillRefused, translateSalesforceError, webPageError } from './errors.ts';
import { isInstanceHost } from './instance-host.ts';
import { readLimitInfo } from './limit-info.ts';
import {
  NoResponse,
  openResponse,
  plugTransport,
  readBody,
  readResponse,
  type SalesforceRequest,
  type SalesforceResponse,
  UnusableResponse,
} from './transport.ts';

/** Where to call, and with what. */
export interface Session {
  accessToken: string;
  instanceUrl: string;
}

/** Where a client gets its session from. */
export interface SessionSource {
  current(): Promise<Session>;
  /**
   * Gives a session other than the one that failed, if there is one.
   * @param reason `refused`: Salesforce refused its access token; `moved`: the org does not seem to be at its instance URL any more.
   * For `moved`, the login host may have been asked a short while ago: then the session comes back as it was.
   */
  renew(failed: Session, reason: 'refused' | 'moved', signal: AbortSignal | undefined): Promise<Session>;
}

export interface SalesforceClientOptions {
  /** of the API */
  version: string;
  /** whether bodies are asked for compressed */
  gzip: boolean;
  limits: Pick<Limits, 'idleMs' | 'pollMs'>;
  /** the configured login hosts */
  loginUrls: readonly string[];
  /** is told of every call, with what Salesforce said in its answer of the org's calls */
  onCall: (told: ApiUsage | undefined) => void;
  /** ends every call of this client */
  signal?: AbortSignal | undefined;
}

/** A salesforce error as jsforce would have thrown it. */
class SalesforceHttpError extends Error {
  readonly errorCode: string;
  readonly status: number;

  constructor(errorCode: string, message: string, { status }: SalesforceResponse) {
    super(message);
    this.name = errorCode;
    this.errorCode = errorCode;
    this.status = status;
  }
}

const NAME = 'salesforce-bigquery-sync';

/** Of a body that should have been a page and is an error. */
const MAX_ERROR_BYTES = 64 * 1024;

/**
 * Calls one connection's org, each call by the session of that moment. Renews the session once when it is refused, or when the org seems
 * to have moved, and translates errors.
 */
export class SalesforceClient {
  readonly version: string;
  /** the pause after the first look at a Bulk job */
  readonly pollMs: number;
  readonly #sessions: SessionSource;
  readonly #dispatcher: Dispatcher;
  readonly #idleMs: number;
  readonly #loginUrls: readonly string[];
  readonly #onCall: (told: ApiUsage | undefined) => void;
  readonly #signal: AbortSignal | undefined;
  readonly #encoding: 'gzip' | 'identity';

  constructor(sessions: SessionSource, dispatcher: Dispatcher, options: SalesforceClientOptions) {
    this.#sessions = sessions;
    this.#dispatcher = dispatcher;
    this.version = options.version;
    this.pollMs = options.limits.pollMs;
    this.#idleMs = options.limits.idleMs;
    this.#loginUrls = options.loginUrls;
    this.#onCall = options.onCall;
    this.#signal = options.signal;
    this.#encoding = options.gzip ? 'gzip' : 'identity';
  }

  /**
   * Makes a call through jsforce. Its own refresh is not used: it knows no lock and drops a rotated refresh token.
   * @param doing what is being done, as a part of a sentence
   * @throws AppError
   */
  async call<T>(doing: string, work: (connection: jsforce.Connection) => PromiseLike<T>): Promise<T> {
    return await this.#withSession(doing, async (session) => {
      const connection = new jsforce.Connection({ ...session, version: this.version, callOptions: { client: NAME } });
      const send = async (request: SalesforceRequest): Promise<SalesforceResponse> => {
        const accepting = { ...request, headers: { ...request.headers, 'accept-encoding': this.#encoding } };
        return requireJson(request, await this.#read(accepting, this.#signal));
      };
      return await work(plugTransport(connection, send));
    });
  }

  /**
   * GETs a resource and reads it whole, decoded.
   * @param path below the instance URL
   * @param headers such as If-Modified-Since, whose 304 is no error
   * @throws AppError; a status other than 2xx and 304 is an error
   */
  async get(doing: string, path: string, headers: Record<string, string>, signal = this.#signal): Promise<SalesforceResponse> {
    return await this.#withSession(doing, async (session) => {
      const response = await this.#read(this.#getRequest(session, path, headers), signal);
      if ((response.status < 200 || response.status > 299) && response.status !== 304) throw readError(response);
      return response;
    });
  }

  /**
   * GETs a resource whose body is left as it comes, compressed where Salesforce compresses. The caller reads it to the end or destroys it.
   * @param path below the instance URL
   * @throws AppError; an answer that is not 200 is an error
   */
  async fetch(doing: string, path: string, signal: AbortSignal, headers: Record<string, string>): Promise<Dispatcher.ResponseData> {
    return await this.#withSession(doing, async (session) => {
      const request = this.#getRequest(session, path, headers);
      const response = await this.#counted(request, () => openResponse(this.#dispatcher, request, { signal, idleMs: this.#idleMs }));
      if (response.statusCode === 200) return response;
      throw readError(await readBody(request, response, signal, MAX_ERROR_BYTES));
    });
  }

  #getRequest({ accessToken, instanceUrl }: Session, path: string, headers: Record<string, string>): SalesforceRequest {
    // Some paths come from responses; without its slash, one could lead to another host.
    if (!path.startsWith('/')) throw new AppError('salesforce_unavailable', 'Salesforce named a resource by something that is not a path.');
    return {
      method: 'GET',
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

  /** Sends a request, once more if it failed and that is safe: a kept-alive connection may just have been closed. Each time is a call. */
  async #counted<R extends { headers: IncomingHttpHeaders }>(request: SalesforceRequest, send: () => Promise<R>): Promise<R> {
    const once = async (): Promise<R> => {
      let told: ApiUsage | undefined;
      try {
        const response = await send();
        told = readLimitInfo(response.headers['sforce-limit-info']);
        return response;
      } finally {
        this.#onCall(told);
      }
    };
    try {
      return await once();
    } catch (error) {
      if (!isWorthRepeating(request, error)) throw error;
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
      // Where the login host is not available either, what failed first says more.
      throw reason === 'moved' && isAppError(error) && error.recovery === 'retry' ? translateFailure(failure, doing) : error;
    });
    if (reason === 'moved' && renewed.instanceUrl === session.instanceUrl) throw translateFailure(failure, doing);
    try {
      return await this.#at(renewed, work);
    } catch (error) {
      throw reason === 'refused' && isSessionRefused(error) ? sessionStillRefused(error, doing) : translateFailure(error, doing);
    }
  }

  async #at<T>(session: Session, work: (session: Session) => Promise<T>): Promise<T> {
    if (!isInstanceHost(session.instanceUrl, this.#loginUrls)) throw new ForeignInstance(session.instanceUrl);
    return await work(session);
  }
}

/** The login host named an instance to which no token may be sent. */
class ForeignInstance extends Error {
  override readonly name = 'ForeignInstance';
  readonly host: string;

  constructor(instanceUrl: string) {
    super('an instance that is not a Salesforce host');
    this.host = URL.parse(instanceUrl)?.host || 'an address without a host';
  }
}

/** True where sending a request again cannot double its effect. */
function isWorthRepeating({ method }: SalesforceRequest, error: unknown): boolean {
  if (error instanceof NoResponse) return error.repeatable;
  return method === 'GET' && error instanceof UnusableResponse && error.reason === 'incomplete';
}

/**
 * Why the login host should be asked for another session. A host that redirects, shows a web page or twice gave no response may be the
 * one at which the org lived before a migration or a change of My Domain.
 */
function reasonToRenew(error: unknown): 'refused' | 'moved' | undefined {
  if (isSessionRefused(error)) return 'refused';
  if (error instanceof UnusableResponse) return ['redirect', 'web-page'].includes(error.reason) ? 'moved' : undefined;
  return error instanceof ForeignInstance || (error instanceof NoResponse && error.repeatable) ? 'moved' : undefined;
}

function translateFailure(error: unknown, doing: string): AppError {
  if (error instanceof UnusableResponse && error.reason === 'web-page') return webPageError(doing, error.status, error);
  if (error instanceof UnusableResponse)
    return new AppError('salesforce_unavailable', unusableText(error, doing), { cause: error, details: { http_status: error.status } });
  if (error instanceof ForeignInstance) {
    const text = `Could not ${doing}: the login host says that the org is at ${error.host}, which is not a Salesforce host, so no token is sent there. Check SALESFORCE_LOGIN_URL and SALESFORCE_APPS.`;
    return new AppError('salesforce_refused', text, { cause: error, recovery: 'defer' });
  }
  return translateSalesforceError(error, doing);
}

function unusableText({ reason, host, status, target }: UnusableResponse, doing: string): string {
  switch (reason) {
    case 'redirect':
      return `Could not ${doing}: ${host} redirects to ${target ?? 'an unknown host'}, and the login host names no new address of the org.`;
    case 'incomplete':
      return `Could not ${doing}: the response from ${host} arrived incomplete.`;
    case 'too-large':
      return `Could not ${doing}: the response from ${host} is too large.`;
    default:
      return `Could not ${doing}: ${host} returned a malformed response (HTTP ${status}).`;
  }
}

/** jsforce takes what is not JSON for text and returns it as a result. */
function requireJson({ url }: SalesforceRequest, response: SalesforceResponse): SalesforceResponse {
  const { status, headers, body } = response;
  if (status < 200 || status > 299 || status === 204) return response;
  try {
    if (!/^application\/json\b/i.test(headers['content-type'] ?? '')) throw new TypeError('not JSON by its header');
    JSON.parse(body.toString('utf8'));
    return response;
  } catch {
    throw new UnusableResponse('malformed', new URL(url).host, status);
  }
}

/** The body of an error is a JSON list of code and message, if it is Salesforce's own. */
function readError(response: SalesforceResponse): SalesforceHttpError {
  const fallback = `ERROR_HTTP_${response.status}`;
  try {
    const [first] = JSON.parse(response.body.toString('utf8')) as { errorCode?: string; message?: string }[];
    return new SalesforceHttpError(first?.errorCode ?? fallback, first?.message ?? '', response);
  } catch {
    return new SalesforceHttpError(fallback, '', response);
  }
}
