import { setTimeout as sleep } from 'node:timers/promises';
import { BigQuery } from '@google-cloud/bigquery';
import { type AuthClient, PassThroughClient } from 'google-auth-library';
import type { Dispatcher } from 'undici';
import { LIMITS, type Limits } from '../core/limits.ts';
import { AppError, isAppError } from '../errors.ts';
import { defaultCredentials, federatedCredentials } from './credentials.ts';
import { httpStatus, translateBigQueryError } from './errors.ts';
import type { Federation } from './federated-client.ts';
import { TIMED_OUT, withTimeLimit } from './time-limit.ts';

/** Resumable: in chunks, of any size. Multipart: in one request, held whole. */
export type UploadProtocol = 'resumable' | 'multipart';

export interface WarehouseConfig {
  /** the project that pays */
  project: string;
  location: string;
  /** another endpoint than Google's: an emulator, a private one */
  endpoint: string | undefined;
  stagingDataset: string;
  /** by which of Google's protocols a page is uploaded; resumable unless told */
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
  /** replaced where a call met its time limit: a request for a token that is never answered is waited for by all later calls that share it */
  connection: { current: Connection };
  connect: () => Connection;
  endpoint: string;
  dispatcher: Dispatcher;
  limits: WarehouseLimits;
}

/** All our calls may be made again: jobs and tables are created under names of ours. */
const MAX_TRIES = 4;

const GOOGLE = 'https://bigquery.googleapis.com';
const SCOPE = 'https://www.googleapis.com/auth/bigquery';

/**
 * An open door to BigQuery. The client library passes no signal on and waits for ever for a response that never comes, so its client
 * cannot be reached but through `call`, which ends each call at a time limit and at the warehouse's signal.
 */
export class Warehouse {
  readonly #parts: Parts;
  /** ends every call, upload and wait for a job */
  readonly signal: AbortSignal;
  /** is called whenever BigQuery has answered, or a byte has moved */
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

  /** where uploads begin, without their `uploadType` */
  get uploadUrl(): string {
    return `${this.#parts.endpoint}/upload/bigquery/v2/projects/${encodeURIComponent(this.project)}/jobs`;
  }

  /** The same warehouse, whose calls end at `signal` as well. @param recordActivity see there; as before where it is not given */
  during(signal: AbortSignal, recordActivity = this.recordActivity): Warehouse {
    return new Warehouse(this.#parts, AbortSignal.any([this.signal, signal]), recordActivity);
  }

  /** The same warehouse, with uploads by this protocol. */
  uploadingBy(upload: UploadProtocol): Warehouse {
    return new Warehouse({ ...this.#parts, config: { ...this.#parts.config, upload } }, this.signal, this.recordActivity);
  }

  /**
   * Makes one call through the client library.
   * @param doing what is being done, as a part of a sentence: "create the table"
   * @throws AppError; bigquery_unavailable at the time limit; or what the signal aborts with
   */
  async call<T>(doing: string, work: (client: BigQuery) => Promise<T>): Promise<T> {
    return await this.#limited(doing, ({ client }) => work(client));
  }

  /** The headers of an upload's request: a token may end during a long upload. @throws as `call` */
  async authHeaders(): Promise<Record<string, string>> {
    const headers = await this.#limited('get a token', ({ auth }) => auth.getRequestHeaders());
    return Object.fromEntries(headers);
  }

  async #limited<T>(doing: string, work: (connection: Connection) => Promise<T>): Promise<T> {
    const { bigqueryCallMs, pollMs } = this.limits;
    const { connection, connect } = this.#parts;
    for (let pauseMs = pollMs * 4, failures = 1; ; pauseMs *= 2, failures++) {
      this.signal.throwIfAborted();
      try {
        const used = connection.current;
        const result = await withTimeLimit(work(used), bigqueryCallMs, this.signal);
        if (result === TIMED_OUT) {
          if (connection.current === used) connection.current = connect();
          throw noResponse(doing, bigqueryCallMs);
        }
        this.recordActivity();
        return result;
      } catch (error) {
        this.signal.throwIfAborted();
        if (failures === MAX_TRIES || !isWorthRetrying(error, doing)) throw translateBigQueryError(error, doing);
        this.recordActivity();
        await sleep(pauseMs * (0.5 + Math.random() / 2), undefined, { signal: this.signal });
      }
    }
  }
}

function noResponse(doing: string, ms: number): AppError {
  return new AppError('bigquery_unavailable', `Could not ${doing}: BigQuery did not respond within ${ms / 1000} seconds.`);
}

/** What BigQuery, or the network, refuses for a moment; neither what took all its time, nor a job that was created and failed at once. */
function isWorthRetrying(error: unknown, doing: string): boolean {
  if (isAppError(error)) return false;
  const isFailedJob = httpStatus(error) === undefined && (error as { errors?: unknown }).errors !== undefined;
  return !isFailedJob && translateBigQueryError(error, doing).recovery === 'retry';
}

/** Opens BigQuery: by federation where it is configured, else without any credentials where the endpoint is on this machine. */
export function openWarehouse(config: WarehouseConfig, dispatcher: Dispatcher, limits: WarehouseLimits = LIMITS): Warehouse {
  const endpoint = (config.endpoint ?? GOOGLE).replace(/\/$/, '');
  const connect = (): Connection => {
    const auth = chooseClient(config, endpoint);
    const client = new BigQuery({
      projectId: config.project,
      location: config.location,
      ...(config.endpoint && { apiEndpoint: endpoint }),
      authClient: auth,
      // It would go on trying, in the background, what was given up.
      autoRetry: false,
    });
    return { client, auth };
  };
  return new Warehouse({ config, connection: { current: connect() }, connect, endpoint, dispatcher, limits });
}

function chooseClient({ federation, project }: WarehouseConfig, endpoint: string): AuthClient {
  if (federation) return federatedCredentials(federation, SCOPE);
  // A pass-through client sends no credentials, and looks for none.
  return isLoopback(endpoint) ? new PassThroughClient() : defaultCredentials(project, SCOPE);
}

/** True for an address that nobody but this machine can answer at. */
export function isLoopback(url: string): boolean {
  return ['127.0.0.1', 'localhost', '[::1]'].includes(new URL(url).hostname);
}
