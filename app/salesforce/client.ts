import jsforce from 'jsforce';
import { type Dispatcher, request } from 'undici';
import type { Limits } from '../core/limits.ts';
import type { ApiUsage } from '../core/quota.ts';
import { isSessionRefused, requireJson, sessionStillRefused, translateSalesforceError } from './errors.ts';
import { readLimitInfo } from './limit-info.ts';
import { orGiveUp } from './or-give-up.ts';

/** Where to call, and with what. */
export interface Session {
  accessToken: string;
  instanceUrl: string;
}

/** Where a client gets its session from. */
export interface SessionSource {
  current(): Promise<Session>;
  /** Gives a session other than the one whose access token Salesforce refused. */
  renew(refused: string): Promise<Session>;
}

export interface SalesforceClientOptions {
  /** of the API */
  version: string;
  /** whether bodies are asked for compressed */
  gzip: boolean;
  limits: Pick<Limits, 'idleMs' | 'pollMs'>;
  /** is told of every call, with what Salesforce said in its answer of the org's calls */
  onCall: (told: ApiUsage | undefined) => void;
  /** ends every call of this client */
  signal?: AbortSignal | undefined;
}

/** A salesforce error as jsforce would have thrown it. */
class SalesforceHttpError extends Error {
  readonly errorCode: string;
  readonly status: number;
  readonly contentType: string | undefined;

  constructor(errorCode: string, message: string, { statusCode, headers }: Dispatcher.ResponseData) {
    super(message);
    this.name = errorCode;
    this.errorCode = errorCode;
    this.status = statusCode;
    this.contentType = [headers['content-type']].flat()[0];
  }
}

const NAME = 'salesforce-bigquery-sync';

/** Most that is read of a body that should have been a page and is an error. */
const MOST_ERROR_BYTES = 64 * 1024;

/** Calls one connection's org. Renews the session once when it is refused, and translates errors. */
export class SalesforceClient {
  readonly version: string;
  /** the pause after the first look at a Bulk job */
  readonly pollMs: number;
  readonly #sessions: SessionSource;
  readonly #dispatcher: Dispatcher;
  readonly #idleMs: number;
  readonly #onCall: (told: ApiUsage | undefined) => void;
  readonly #signal: AbortSignal | undefined;
  readonly #encoding: 'gzip' | 'identity';

  constructor(sessions: SessionSource, dispatcher: Dispatcher, options: SalesforceClientOptions) {
    this.#sessions = sessions;
    this.#dispatcher = dispatcher;
    this.version = options.version;
    this.pollMs = options.limits.pollMs;
    this.#idleMs = options.limits.idleMs;
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
    return await this.#withSession(doing, (session) => {
      const connection = new jsforce.Connection({ ...session, version: this.version, callOptions: { client: NAME } });
      return orGiveUp(work(connection), this.#idleMs, this.#signal)
        .then((reply) => requireJson(reply, doing))
        .finally(() => this.#onCall(connection.limitInfo.apiUsage));
    });
  }

  /**
   * GETs a resource whose body is left as it comes, compressed where Salesforce compresses.
   * @param path below the instance URL
   * @throws AppError; an answer that is not 200 is an error
   */
  async fetch(doing: string, path: string, signal: AbortSignal, headers: Record<string, string>): Promise<Dispatcher.ResponseData> {
    return await this.#withSession(doing, async ({ accessToken, instanceUrl }) => {
      const response = await request(`${instanceUrl}${path}`, {
        dispatcher: this.#dispatcher,
        signal,
        headersTimeout: this.#idleMs,
        bodyTimeout: this.#idleMs,
        headers: {
          authorization: `Bearer ${accessToken}`,
          'accept-encoding': this.#encoding,
          'sforce-call-options': `client=${NAME}`,
          ...headers,
        },
      }).catch((error: unknown) => {
        this.#onCall(undefined);
        throw error;
      });
      this.#onCall(readLimitInfo(response.headers['sforce-limit-info']));
      if (response.statusCode !== 200) throw await readError(response);
      return response;
    });
  }

  async #withSession<T>(doing: string, work: (session: Session) => PromiseLike<T>): Promise<T> {
    const session = await this.#sessions.current();
    try {
      return await work(session);
    } catch (error) {
      if (!isSessionRefused(error)) throw translateSalesforceError(error, doing);
    }
    const renewed = await this.#sessions.renew(session.accessToken);
    try {
      return await work(renewed);
    } catch (error) {
      throw isSessionRefused(error) ? sessionStillRefused(error, doing) : translateSalesforceError(error, doing);
    }
  }
}

/** Reads an error's body; it may also be HTML of the edge, or empty. */
async function readError(response: Dispatcher.ResponseData): Promise<SalesforceHttpError> {
  const fallback = `ERROR_HTTP_${response.statusCode}`;
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response.body as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MOST_ERROR_BYTES) break;
  }
  try {
    const [first] = JSON.parse(Buffer.concat(chunks).toString('utf8')) as { errorCode?: string; message?: string }[];
    return new SalesforceHttpError(first?.errorCode ?? fallback, first?.message ?? '', response);
  } catch {
    return new SalesforceHttpError(fallback, '', response);
  }
}
