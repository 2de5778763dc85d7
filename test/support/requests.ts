import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { IncomingMessage, ServerResponse } from 'node:http';

/** The requests meanwhile to any server of this process, such as `POST /services/data/v66.0/jobs/query`. */
export async function requestsDuring(during: () => Promise<unknown>): Promise<string[]> {
  const requests: string[] = [];
  await noteRequests(({ method, url }) => requests.push(`${method} ${url}`), during);
  return requests;
}

/** The maximum number of concurrent requests meanwhile whose URL contains `part`, each counted until its response is complete. */
export async function mostAtOnce(part: string, during: () => Promise<unknown>): Promise<number> {
  let [now, most] = [0, 0];
  const note = ({ url }: IncomingMessage, response: ServerResponse): void => {
    if (!url!.includes(part)) return;
    most = Math.max(most, ++now);
    response.once('close', () => now--);
  };
  await noteRequests(note, during);
  return most;
}

/** Calls `note` for each request meanwhile to any server of this process, when it arrives. */
export async function noteRequests(
  note: (request: IncomingMessage, response: ServerResponse) => void,
  during: () => Promise<unknown>,
): Promise<void> {
  const listen = (message: unknown): void => {
    const { request, response } = message as { request: IncomingMessage; response: ServerResponse };
    note(request, response);
  };
  subscribe('http.server.request.start', listen);
  try {
    await during();
  } finally {
    unsubscribe('http.server.request.start', listen);
  }
}
