import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { CommandError } from '../../commands/command-error.ts';
import { abortable } from '../../core/abortable.ts';

const CALLBACK_PATH = '/oauth/callback';
const END_PATH = '/oauth/done';

/** The callback URL of a port. Salesforce accepts http for localhost only. */
export function callbackUrlOf(port: number): string {
  return `http://localhost:${port}${CALLBACK_PATH}`;
}

/** Listens for the redirects of logins. */
export interface CallbackListener extends AsyncDisposable {
  /**
   * Waits for the redirect of the login with this state; refuses all others. Shows the user a page with how it ended.
   * @param finish completes the login, and throws if that fails
   */
  receive<T>(state: string, finish: (parameters: URLSearchParams) => Promise<T>, stop: AbortSignal): Promise<T>;
}

/** Listens on both addresses of localhost: browsers may try either first. @throws CommandError if the port is in use */
export async function listenForCallback(port: number): Promise<CallbackListener> {
  let handle: (request: IncomingMessage, response: ServerResponse) => void = refuse;
  const servers = await Promise.all(
    ['127.0.0.1', '::1'].map((host) => listen(port, host, (request, response) => handle(request, response))),
  );
  return {
    async receive(state, finish, stop) {
      const { promise, resolve, reject } = Promise.withResolvers<Awaited<ReturnType<typeof finish>>>();
      // A browser may send its callback again, even before the first answer: the login is completed once.
      let completion: Promise<string> | undefined;
      const complete = async (parameters: URLSearchParams): Promise<string> => {
        try {
          resolve(await finish(parameters));
          return 'Connected. Close this page and return to the terminal.';
        } catch (error) {
          reject(error);
          return 'Not connected. Close this page: the terminal says why.';
        }
      };
      handle = async (request, response) => {
        const url = URL.parse(request.url ?? '/', 'http://localhost');
        if (!url) return refuse(request, response);
        const { pathname, searchParams } = url;
        if (request.method === 'GET' && pathname === END_PATH && completion !== undefined) return showPage(response, 200, await completion);
        if (request.method !== 'GET' || pathname !== CALLBACK_PATH || searchParams.get('state') !== state) return refuse(request, response);
        completion ??= complete(searchParams);
        await completion;
        // The code must not stay in the address bar.
        response.writeHead(303, { location: END_PATH }).end();
      };
      return await abortable(stop, promise);
    },
    async [Symbol.asyncDispose]() {
      for (const server of servers) {
        server?.close();
        // A browser still gets its last page.
        server?.closeIdleConnections();
      }
    },
  };
}

async function listen(
  port: number,
  host: string,
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<Server | undefined> {
  const server = createServer(handle);
  server.listen(port, host);
  try {
    await once(server, 'listening');
    return server;
  } catch (error) {
    const { code } = error as { code?: string };
    // This machine has no IPv6.
    if (host === '::1' && code !== 'EADDRINUSE') return undefined;
    throw new CommandError(
      code === 'EADDRINUSE'
        ? `Port ${port} is already in use. Stop the process that uses it, for example npm start.`
        : `Cannot listen on port ${port}: ${code}.`,
    );
  }
}

function refuse(_request: IncomingMessage, response: ServerResponse): void {
  showPage(response, 404, 'No login in progress belongs to this address.');
}

function showPage(response: ServerResponse, status: number, sentence: string): void {
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'",
    'referrer-policy': 'no-referrer',
    connection: 'close',
  });
  response.end(`<!doctype html><html lang="en"><meta charset="utf-8"><title>Salesforce to BigQuery</title><p>${sentence}</p></html>`);
}
