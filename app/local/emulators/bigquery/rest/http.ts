// A minimal router on node:http: bodies must stream, and faults must be able to cut connections.

import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { createGunzip } from 'node:zlib';
import { FOREIGN_REQUEST_MESSAGE, isForeign } from '../../local-only.ts';
import { type Faults, requestFault } from '../faults.ts';
import { ApiError } from './api-error.ts';

export interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  /** Detached from the request when it is destroyed. */
  socket: Socket;
  /** Values of the `:names` in the route. */
  parameters: Record<string, string>;
  query: URLSearchParams;
}

/** Sends its result as JSON; undefined: 204; ALREADY_SENT: the handler has responded itself. */
export type Handler = (exchange: Exchange) => Promise<object | undefined> | object | undefined;

/** Returned by a handler that has responded itself, or has cut the connection. */
export const ALREADY_SENT = Object.freeze({});

interface Route {
  method: string;
  segments: string[];
  handle: Handler;
}

export class Router {
  readonly #routes: Route[] = [];
  readonly #faults: Faults;

  constructor(faults: Faults) {
    this.#faults = faults;
  }

  on(method: string, path: string, handle: Handler): this {
    this.#routes.push({ method, segments: path.split('/'), handle });
    return this;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { socket } = request;
    try {
      if (isForeign(request)) throw new ApiError('accessDenied', FOREIGN_REQUEST_MESSAGE);
      const url = new URL(request.url ?? '/', 'http://localhost');
      const subject = `${request.method} ${url.pathname}${url.search}`;
      const isAdmin = url.pathname.startsWith('/emulator/');
      if (!isAdmin && this.#faults.take('stall', subject)) return void request.resume();
      const fault = isAdmin ? undefined : this.#faults.take('http', subject);
      if (fault) {
        response.setHeaders(new Map(Object.entries(fault.headers ?? {})));
        return await refuse({ request, response, socket }, requestFault(fault), fault.status);
      }
      const { handle, parameters } = this.#find(request.method ?? '', url.pathname);
      const result = await handle({ request, response, socket, parameters, query: url.searchParams });
      if (result === ALREADY_SENT) return;
      if (!isAdmin && this.#faults.take('lost-answer', subject)) socket.destroy();
      else send(response, result === undefined ? 204 : 200, result);
    } catch (error) {
      await refuse({ request, response, socket }, error);
    }
  }

  #find(method: string, path: string): { handle: Handler; parameters: Record<string, string> } {
    const segments = path.split('/');
    let isKnown = false;
    for (const route of this.#routes) {
      const parameters = matchSegments(route.segments, segments);
      if (parameters && route.method === method) return { handle: route.handle, parameters };
      if (parameters) isKnown = true;
    }
    throw new ApiError(isKnown ? 'methodNotAllowed' : 'notFound', `The local BigQuery has no ${method} ${path}`);
  }

  /** Listens on loopback. */
  async listen(port: number): Promise<Server> {
    const server = createServer((request, response) => void this.#answer(request, response));
    server.requestTimeout = 0;
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return server;
  }
}

function matchSegments(pattern: string[], segments: string[]): Record<string, string> | undefined {
  if (pattern.length !== segments.length) return undefined;
  const parameters: Record<string, string> = {};
  for (const [index, expected] of pattern.entries()) {
    const segment = decodeURIComponent(segments[index]!);
    if (expected.startsWith(':')) parameters[expected.slice(1)] = segment;
    else if (expected !== segment) return undefined;
  }
  return parameters;
}

function send(response: ServerResponse, status: number, body: object | undefined): void {
  response.statusCode = status;
  if (body === undefined) return void response.end();
  response.setHeader('Content-Type', 'application/json; charset=UTF-8');
  response.end(JSON.stringify(body));
}

type Connection = Pick<Exchange, 'request' | 'response' | 'socket'>;

async function refuse({ request, response, socket }: Connection, error: unknown, status?: number): Promise<void> {
  if (response.headersSent || socket.destroyed) return;
  const known = isApiError(error) ? error : new ApiError('internalError', error instanceof Error ? error.message : String(error));
  // Otherwise the connection would be reset while the client is still sending.
  if (!request.complete) await drain(request);
  const body = known.body;
  if (status !== undefined) body.error.code = status;
  send(response, status ?? known.status, body);
}

async function drain(request: IncomingMessage): Promise<void> {
  request.resume();
  if (!request.complete && !request.destroyed) await once(request, 'close').catch(() => undefined);
}

export const isApiError = (error: unknown): error is ApiError => Error.isError(error) && error.name === 'ApiError';

const MAX_JSON_BYTES = 20 * 1024 * 1024;

/** The JSON body, or `{}` if there is none. */
export async function jsonBody(request: IncomingMessage): Promise<Record<string, unknown>> {
  const body = request.headers['content-encoding'] === 'gzip' ? request.pipe(createGunzip()) : request;
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += (chunk as Buffer).length;
    if (size > MAX_JSON_BYTES) throw new ApiError('invalid', 'Request payload size exceeds the limit');
    chunks.push(chunk as Buffer);
  }
  return parseJson(Buffer.concat(chunks).toString('utf8'));
}

export function parseJson(text: string): Record<string, unknown> {
  if (text.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Reported below.
  }
  throw new ApiError('badRequest', 'Invalid JSON payload received.');
}
