import { setTimeout as sleep } from 'node:timers/promises';
import { type Dispatcher, request } from 'undici';
import { externalErrorCode } from '../../errors.ts';

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

/** How a service is reached. */
export interface RemoteAddress {
  url: string;
  /** undefined: it needs none */
  key: string | undefined;
  dispatcher: Dispatcher;
  /** called when the command is done with the service */
  close(): Promise<void>;
}

/** Fields of a request; undefined: absent. */
type Fields = Readonly<Record<string, string | undefined>>;

/** A service, reached by its API. */
export class RemoteService {
  readonly #address: RemoteAddress;
  readonly #stop: AbortSignal;
  #hasResponded = false;

  /** @param stop aborts its requests */
  constructor(address: RemoteAddress, stop: AbortSignal) {
    this.#address = { ...address, url: address.url.replace(/\/$/, '') };
    this.#stop = stop;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#address.dispatcher.close();
    await this.#address.close();
  }

  /** GETs JSON. @throws RemoteError */
  async get<T>(path: string, fields: Fields = {}): Promise<T> {
    return JSON.parse(await this.getText(path, fields)) as T;
  }

  /** GETs text. @throws RemoteError */
  async getText(path: string, fields: Fields = {}): Promise<string> {
    const query = new URLSearchParams(definedFields(fields)).toString();
    return await this.#repeat('GET', query ? `${path}?${query}` : path, {});
  }

  /** Every entry of a list that the service returns page by page. @param name of the property with a page's entries @throws RemoteError */
  async list<T>(path: string, name: string, filter: Fields = {}): Promise<T[]> {
    const entries: T[] = [];
    for (let after: string | undefined, isLast = false; !isLast; ) {
      const page: Record<string, unknown> = await this.get(path, { ...filter, limit: '1000', after });
      entries.push(...(page[name] as T[]));
      after = (page.next as string | null) ?? undefined;
      isLast = after === undefined;
    }
    return entries;
  }

  /** Sends fields that have the same effect however often they are sent. @throws RemoteError */
  async send(method: 'POST' | 'PATCH', path: string, fields: Fields): Promise<void> {
    await this.#repeat(method, path, fields);
  }

  /** Requests something once. @returns the JSON of the response @throws RemoteError */
  async request<T>(method: 'POST' | 'PATCH' | 'DELETE', path: string, fields: Fields = {}): Promise<T> {
    return JSON.parse(await this.#once(method, path, fields)) as T;
  }

  async #repeat(method: Dispatcher.HttpMethod, path: string, fields: Fields): Promise<string> {
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

  async #once(method: Dispatcher.HttpMethod, path: string, fields: Fields): Promise<string> {
    const { url, key, dispatcher } = this.#address;
    const headers = {
      accept: 'application/json, text/plain',
      ...(key !== undefined && { authorization: `Bearer ${key}` }),
      ...(method !== 'GET' && { 'content-type': 'application/json' }),
    };
    const body = method === 'GET' ? null : JSON.stringify(fields);
    const limits = { headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS, signal: this.#stop, dispatcher };
    let status: number;
    let text: string;
    try {
      const response = await request(`${url}/${path}`, { method, headers, body, ...limits });
      status = response.statusCode;
      text = await response.body.text();
    } catch (error) {
      if (this.#stop.aborted) throw error;
      const code = externalErrorCode(error) ?? 'no response';
      throw new RemoteError(
        'unreachable',
        `The service at ${url} does not respond (${code}). Check that it runs, or set SERVICE_URL or --url to the address of another one.`,
      );
    }
    this.#hasResponded = true;
    if (status >= 200 && status < 300) return text;
    throw errorOf(url, status, text);
  }
}

function definedFields(fields: Fields): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}

function errorOf(url: string, status: number, text: string): RemoteError {
  try {
    const { error } = JSON.parse(text) as { error: { code: string; message: string } };
    return new RemoteError(error.code, error.message);
  } catch {
    return new RemoteError('unreachable', `${url} responded with HTTP ${status}, but not as the service does. Check the address.`);
  }
}
