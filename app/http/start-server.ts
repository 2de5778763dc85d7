import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type Koa from 'koa';

/** Requests are small; one that takes longer to arrive is stuck or malicious. */
const REQUEST_MS = 30_000;

/** Longer than a load balancer keeps an idle connection (60 s): otherwise it could send a request on a connection we just closed. */
const KEEP_ALIVE_MS = 75_000;

/** Of a request line and its headers; Node replies 431 to more. */
const MAX_HEADER_BYTES = 16 * 1024;

/** Any further headers are ignored. */
const MAX_HEADERS = 100;

/** Open TCP connections, which take a few kilobytes each; any further one is closed at once. */
const MAX_CONNECTIONS = 2_000;

/** Starts to listen, with limits on what a caller may occupy. @throws the error of listening, for example EADDRINUSE */
export async function startServer(app: Koa, host: string, port: number): Promise<Server> {
  const timeouts = { requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS, keepAliveTimeout: KEEP_ALIVE_MS };
  const server = createServer({ maxHeaderSize: MAX_HEADER_BYTES, ...timeouts }, app.callback());
  server.maxHeadersCount = MAX_HEADERS;
  server.maxConnections = MAX_CONNECTIONS;
  server.listen(port, host);
  await once(server, 'listening');
  return server;
}
