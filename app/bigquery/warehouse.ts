import { setTimeout as sleep } from 'node:timers/promises';
import { BigQuery } from '@google-cloud/bigquery';
import { type AuthClient, PassThroughClient } from 'google-auth-library';
import { type Dispatcher, request } from 'undici';
import { LIMITS, type Limits } from '../core/connections/limits.ts';
import { delayAtLeast, MAX_WAIT_MS } from '../core/retry-after.ts';
import { AppError, isAppError } from '../errors.ts';
import type { Federation } from './create-federated-client.ts';
import { defaultCredentials, federatedCredentials } from './credentials.ts';
import { httpStatus, translateBigQueryError } from './errors.ts';
import { readResponseError } from './response-error.ts';
import { TIMED_OUT, withTimeout } from './with-timeout.ts';

/** `resumable`: in chunks, of any size. `multipart`: in one buffered request. */
export type UploadProtocol = 'resumable' | 'multipart';

export interface WarehouseConfig {
  /** the project to bill */
  project: string;
  location: string;
  /** an endpoint other than Google's: an emulator or a private endpoint */
  endpoint: string | undefined;
  stagingDataset: string;
  /** the upload protocol for pages; resumable by default */
  upload?: UploadProtocol;
  /** keyless access from AWS; undefined: the application default credentials */
  federation: Federation | undefined;
}

type WarehouseLimits = Pick<Limits, 'pollMs' | 'bigqueryCallMs' | 'bigqueryJobMs'>;

interface Connection {
  client: BigQuery;
  auth: AuthClient;
}

interface Parts {
  config: WarehouseConfig;
  /** replaced after a timeout, because later calls would share a token request that may never complete, and when its token is refused */
  connection: { current: Connection };
  connect: () => Connection;
  endpoint: string;
  dispatcher: Dispatcher;
  limits: WarehouseLimits;
}

/** All our calls are safe to retry: jobs and tables have names that we choose. */
const MAX_TRIES = 4;

const GOOGLE = 'https://bigquery.googleapis.com';
const SCOPE = 'https://www.googleapis.com/auth/bigquery';

/**
 * Access to BigQuery. The client library accepts no signal and waits forever for a missing response, so its client is reachable only
 * through `call`, which enforces a time limit and the warehouse's signal.
 */
export class Warehouse {
  readonly #parts: Parts;
  /** aborts every call, upload and wait for a job */
  readonly signal: AbortSignal;
  /** called whenever BigQuery responds or bytes are transferred */
  readonly recordActivity: () => void;

  constructor(parts: Parts, signal: AbortSignal = new AbortController().signal, recordActivity: () => void = () => {}) {
    this.#parts = parts;
    this.signal = signal;
    this.recordActivity = recordActivity;
  }

  get project(): string {
    return this.#parts.config.project;
  }

  get location(): string {
    return this.#parts.config.location;
  }

  get stagingDataset(): string {
    return this.#parts.config.stagingDataset;
  }

  get upload(): UploadProtocol {
    return this.#parts.config.upload ?? 'resumable';
  }

  get dispatcher(): Dispatcher {
    return this.#parts.dispatcher;
  }

  get limits(): WarehouseLimits {
    return this.#parts.limits;
  }

  /** the URL that starts an upload, without its `uploadType` */
  get uploadUrl(): string {
    return `${this.#parts.endpoint}/upload/bigquery/v2/projects/${encodeURIComponent(this.project)}/jobs`;
  }

  /** The same warehouse, with calls that `signal` aborts as well. @param recordActivity unchanged by default */
  withSignal(signal: AbortSignal, recordActivity = this.recordActivity): Warehouse {
    return new Warehouse(this.#parts, AbortSignal.any([this.signal, signal]), recordActivity);
  }

  /** The same warehouse with another upload protocol. */
  withUploadProtocol(upload: UploadProtocol): Warehouse {
    return new Warehouse({ ...this.#parts, config: { ...this.#parts.config, upload } }, this.signal, this.recordActivity);
  }

  /**
   * Makes one call through the client library.
   * @param doing the action, for error messages: "create the table"
   * @throws AppError; bigquery_unavailable at the time limit; the signal's reason
   */
  async call<T>(doing: string, work: (client: BigQuery) => Promise<T>): Promise<T> {
    return await this.#withRetries(doing, ({ client }) => work(client));
  }

  /**
   * Gets a resource of the project. For jobs, which are polled: the client library takes several times as much CPU for a request.
   * @param path below the project's URL
   * @returns undefined if the resource does not exist
   * @throws like `call`
   */
  async get<Resource>(doing: string, path: string): Promise<Resource | undefined> {
    const url = `${this.#parts.endpoint}/bigquery/v2/projects/${encodeURIComponent(this.project)}/${path}`;
    const { dispatcher, limits } = this.#parts;
    const idle = { headersTimeout: limits.bigqueryCallMs, bodyTimeout: limits.bigqueryCallMs };
    return await this.#withRetries(doing, async ({ auth }) => {
      const headers = Object.fromEntries(await auth.getRequestHeaders());
      const response = await request(url, { headers, dispatcher, signal: this.signal, ...idle });
      if (response.statusCode === 200) return (await response.body.json()) as Resource;
      const error = await readResponseError(response);
      if (response.statusCode === 404) return undefined;
      throw error;
    });
  }

  /** The headers of an upload request; get them each time, because a token may expire during a long upload. @throws like `call` */
  async authHeaders(): Promise<Record<string, string>> {
    const headers = await this.#withRetries('get a token', ({ auth }) => auth.getRequestHeaders());
    return Object.fromEntries(headers);
  }

  /** Requests another token for the next call. Call this if BigQuery refuses one that seems valid: a clock may have been set back. */
  forgetToken(): void {
    this.#reconnect(this.#parts.connection.current);
  }

  /** @param used the connection that failed; another call may have replaced it */
  #reconnect(used: Connection): void {
    const { connection, connect } = this.#parts;
    if (connection.current === used) connection.current = connect();
  }

  async #withRetries<T>(doing: string, work: (connection: Connection) => Promise<T>): Promise<T> {
    const { bigqueryCallMs, pollMs } = this.limits;
    for (let pauseMs = pollMs * 4, failures = 1; ; pauseMs *= 2, failures++) {
      this.signal.throwIfAborted();
      const used = this.#parts.connection.current;
      try {
        const result = await withTimeout(work(used), bigqueryCallMs, this.signal);
        if (result === TIMED_OUT) {
          this.#reconnect(used);
          throw noResponseError(doing, bigqueryCallMs);
        }
        this.recordActivity();
        return result;
      } catch (error) {
        this.signal.throwIfAborted();
        if (httpStatus(error) === 401) this.#reconnect(used);
        const failure = translateBigQueryError(error, doing);
        const waitsTooLong = (failure.retryAfterMs ?? 0) > MAX_WAIT_MS;
        if (failures === MAX_TRIES || waitsTooLong || !isWorthRetrying(error, doing)) throw failure;
        this.recordActivity();
        const delayMs = delayAtLeast(failure.retryAfterMs, pauseMs * (0.5 + Math.random() / 2), Math.random());
        await sleep(delayMs, undefined, { signal: this.signal });
      }
    }
  }
}

function noResponseError(doing: string, ms: number): AppError {
  return new AppError('bigquery_unavailable', `Could not ${doing}: BigQuery did not respond within ${ms / 1000} seconds.`);
}

/** True for transient errors, but not for a timeout or a job that was created and failed immediately. */
function isWorthRetrying(error: unknown, doing: string): boolean {
  if (isAppError(error)) return false;
  const isFailedJob = httpStatus(error) === undefined && (error as { errors?: unknown }).errors !== undefined;
  return !isFailedJob && translateBigQueryError(error, doing).recovery === 'retry';
}

/** Opens BigQuery, with federation if configured. A loopback endpoint gets no credentials. */
export function openWarehouse(config: WarehouseConfig, dispatcher: Dispatcher, limits: WarehouseLimits = LIMITS): Warehouse {
  const endpoint = (config.endpoint ?? GOOGLE).replace(/\/$/, '');
  // Every request's headers are an instance. Node loads its fetch with the class, which is better done at start than in the first import.
  void globalThis.Headers;
  const connect = (): Connection => {
    const auth = chooseClient(config, endpoint);
    const client = new BigQuery({
      projectId: config.project,
      location: config.location,
      ...(config.endpoint && { apiEndpoint: endpoint }),
      authClient: auth,
      // Otherwise it would keep retrying abandoned calls in the background.
      autoRetry: false,
    });
    return { client, auth };
  };
  return new Warehouse({ config, connection: { current: connect() }, connect, endpoint, dispatcher, limits });
}

function chooseClient({ federation, project }: WarehouseConfig, endpoint: string): AuthClient {
  if (federation) return federatedCredentials(federation, SCOPE);
  // A pass-through client neither sends nor looks for credentials.
  return isLoopback(endpoint) ? new PassThroughClient() : defaultCredentials(project, SCOPE);
}

/** True for a URL on this machine. */
export function isLoopback(url: string): boolean {
  return ['127.0.0.1', 'localhost', '[::1]'].includes(new URL(url).hostname);
}
