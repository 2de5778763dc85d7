import type { IncomingMessage } from 'node:http';

const LOCAL_HOSTS = ['127.0.0.1', 'localhost', '[::1]'];

export const REFUSED_AS_FOREIGN =
  'This emulator answers programs and pages of this machine only: use http://127.0.0.1, and no page of another site.';

/**
 * Whether a request comes from a page of another site: one that names its own host for our address, or that a browser marks as
 * another origin's. The port is open to every page that the user visits, and real rows may lie behind it.
 * @param mayBeLinkedTo the page changes nothing when it is opened, and other sites may link to it
 */
export function isForeign({ headers, socket, method }: IncomingMessage, mayBeLinkedTo = false): boolean {
  const { host = '', origin, 'sec-fetch-site': site = 'none', 'sec-fetch-mode': mode, 'sec-fetch-dest': destination } = headers;
  const url = URL.parse(`http://${host}`);
  if (!url || !LOCAL_HOSTS.includes(url.hostname) || Number(url.port || 80) !== socket.localPort) return true;
  if (origin !== undefined && origin !== `http://${host}`) return true;
  if (['none', 'same-origin'].includes(String(site))) return false;
  return !(mayBeLinkedTo && method === 'GET' && mode === 'navigate' && destination === 'document');
}
