import { setTimeout as sleep } from 'node:timers/promises';
import { type Dispatcher, EnvHttpProxyAgent, request } from 'undici';
import { readProxy } from '../../config.ts';
import { externalErrorCode } from '../../errors.ts';
import { CommandError } from '../command-error.ts';
import { findServiceEnv, type ServiceOptions } from '../read-service-config.ts';

/** Where a service is. */
export interface RemoteOptions extends ServiceOptions {
  /** instead of SERVICE_URL */
  url?: string;
}

/** What the service refused, or why it did not respond. */
export class RemoteError extends Error {
  override readonly name = 'RemoteError';
  /** of the service's error; 'unreachable': there was no response of the service */
  readonly code: string;
  /** whether every other request would fail, too */
  readonly isFinal: boolean;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
    this.isFinal = FINAL.includes(code);
  }
}

const FINAL = ['unreachable', 'unauthorized', 'forbidden', 'needs_login', 'store_restored'];

/** A repetition may help, and does no harm: a job is created, changed, paused or resumed once, however often that is requested. */
const TRANSIENT = ['unreachable', 'too_many_requests', 'salesforce_unavailable', 'bigquery_unavailable', 'store_unavailable', 'stopping'];
const RETRY_MS = [500, 2_000, 5_000];

/** The creation of a job calls Salesforce up to five times. */
const TIMEOUT_MS = 180_000;

/** A running service, reached by its API. */
export class RemoteService {
  readonly #url: string;
  readonly #key: string | undefined;
  readonly #dispatcher: Dispatcher;
  readonly #stop: AbortSignal;
  #hasResponded = false;

  constructor(url: string, key: string | undefined, dispatcher: Dispatcher, stop: AbortSignal) {
    this.#url = url.replace(/\/$/, '');
    this.#key = key;
    this.#dispatcher = dispatcher;
    this.#stop = stop;
  }

  /** GETs JSON. @throws RemoteError */
  async get<T>(path: string): Promise<T> {
    return JSON.parse(await this.#send('GET', path, {})) as T;
  }

  /** Every entry of a list that the service returns page by page. @param name of the property with a page's entries @throws RemoteError */
  async list<T>(path: string, name: string): Promise<T[]> {
    const entries: T[] = [];
    for (let after: string | null = ''; after !== null; ) {
      const page: Record<string, unknown> = await this.get(`${path}?limit=1000${after && `&after=${encodeURIComponent(after)}`}`);
      entries.push(...(page[name] as T[]));
      after = page.next as string | null;
    }
    return entries;
  }

  /** Sends fields. @throws RemoteError */
  async send(method: 'POST' | 'PATCH', path: string, fields: Record<string, string>): Promise<void> {
    await this.#send(method, path, fields);
  }

  async #send(method: Dispatcher.HttpMethod, path: string, fields: Record<string, string>): Promise<string> {
    for (const waitMs of RETRY_MS) {
      try {
        return await this.#once(method, path, fields);
      } catch (error) {
        // If it never responded, its address is probably wrong.
        if (!(error instanceof RemoteError) || !TRANSIENT.includes(error.code) || !this.#hasResponded) throw error;
        await sleep(waitMs, undefined, { signal: this.#stop });
      }
    }
    return await this.#once(method, path, fields);
  }

  async #once(method: Dispatcher.HttpMethod, path: string, fields: Record<string, string>): Promise<string> {
    const headers = {
      accept: 'application/json, text/plain',
      ...(this.#key !== undefined && { authorization: `Bearer ${this.#key}` }),
      ...(method !== 'GET' && { 'content-type': 'application/json' }),
    };
    const body = method === 'GET' ? null : JSON.stringify(fields);
    const limits = { headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS, signal: this.#stop, dispatcher: this.#dispatcher };
    let status: number;
    let text: string;
    try {
      const response = await request(`${this.#url}/${path}`, { method, headers, body, ...limits });
      status = response.statusCode;
      text = await response.body.text();
    } catch (error) {
      if (this.#stop.aborted) throw error;
      const code = externalErrorCode(error) ?? 'no response';
      throw new RemoteError('unreachable', `The service at ${this.#url} does not respond (${code}). Check the address, and that it runs.`);
    }
    this.#hasResponded = true;
    if (status >= 200 && status < 300) return text;
    throw errorOf(this.#url, status, text);
  }
}

function errorOf(url: string, status: number, text: string): RemoteError {
  try {
    const { error } = JSON.parse(text) as { error: { code: string; message: string } };
    return new RemoteError(error.code, error.message);
  } catch {
    return new RemoteError('unreachable', `${url} responded with HTTP ${status}, but not as the service does. Check the address.`);
  }
}

/**
 * The service that options or environment variables name.
 * @param stop aborts its requests
 * @throws CommandError if there is none, or its key would cross the network in clear text
 */
export async function openRemoteService(options: RemoteOptions, env: NodeJS.ProcessEnv, stop: AbortSignal): Promise<RemoteService> {
  const url = await findUrl(options, env);
  const parsed = URL.parse(url);
  if (!parsed || !['http:', 'https:'].includes(parsed.protocol)) {
    throw new CommandError(`${url} is not an address of a service. Use one such as https://sync.example.com.`);
  }
  const isLocal = ['127.0.0.1', 'localhost', '[::1]'].includes(parsed.hostname);
  const key = env.SYNC_API_KEY?.trim() || undefined;
  if (!isLocal && parsed.protocol !== 'https:') throw new CommandError(`${url} would send the API key in clear text. Use https.`);
  if (!isLocal && key === undefined) throw new CommandError('SYNC_API_KEY is not set. Set it to an API key with role operate or admin.');
  return new RemoteService(url, key, new EnvHttpProxyAgent(readProxy(env)), stop);
}

async function findUrl({ url, local, data }: RemoteOptions, env: NodeJS.ProcessEnv): Promise<string> {
  const given = url ?? env.SERVICE_URL?.trim();
  if (local) return `http://127.0.0.1:${(await findServiceEnv({ local, ...(data !== undefined && { data }) }, env)).env.PORT}`;
  if (given) return given;
  throw new CommandError('Which service? Set SERVICE_URL or --url to its address, or use --local for the one of npm start.');
}
