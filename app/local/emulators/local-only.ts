import type { IncomingMessage } from 'node:http';

const LOCAL_HOSTS = ['127.0.0.1', 'localhost', '[::1]'];

export const FOREIGN_REQUEST_MESSAGE =
  'This emulator serves only programs and pages on this machine. Use http://127.0.0.1, and not from a page of another site.';

/**
 * Whether a request comes from a page of another site: its Host is not ours (DNS rebinding), or the browser marks it as cross-origin.
 * Every page that the user visits can reach this port, and it may serve rows of a real org.
 * @param mayBeLinkedTo true for a page that other sites may link to, because opening it changes nothing
 */
export function isForeign({ headers, socket, method }: IncomingMessage, mayBeLinkedTo = false): boolean {
  const { host = '', origin, 'sec-fetch-site': site = 'none', 'sec-fetch-mode': mode, 'sec-fetch-dest': destination } = headers;
  const url = URL.parse(`http://${host}`);
  if (!url || !LOCAL_HOSTS.includes(url.hostname) || Number(url.port || 80) !== socket.localPort) return true;
  if (origin !== undefined && origin !== `http://${host}`) return true;
  if (['none', 'same-origin'].includes(String(site))) return false;
  return !(mayBeLinkedTo && method === 'GET' && mode === 'navigate' && destination === 'document');
}
