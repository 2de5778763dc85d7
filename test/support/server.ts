import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Agent } from 'undici';

/** Lets a server listen on any free port of loopback. @returns its URL, without trailing slash */
export async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Closes a server, and its connections at once. */
export async function close(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}

/** A server that answers as the running test says. */
export interface TestServer {
  [Symbol.asyncDispose](): Promise<void>;
  url: string;
  /** for the client under test; closed with the server */
  dispatcher: Agent;
  /** method and path of each request */
  requests: string[];
  answer: RequestListener;
}

export async function startTestServer(): Promise<TestServer> {
  const server = createServer((incoming, outgoing) => {
    started.requests.push(`${incoming.method} ${incoming.url}`);
    started.answer(incoming, outgoing);
  });
  const started: TestServer = {
    url: await listen(server),
    dispatcher: new Agent(),
    requests: [],
    answer: (_incoming, outgoing) => outgoing.writeHead(404).end(),
    async [Symbol.asyncDispose]() {
      await close(server);
      await started.dispatcher.destroy();
    },
  };
  return started;
}
