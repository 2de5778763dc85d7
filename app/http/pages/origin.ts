import type Koa from 'koa';
import type { Config } from '../../config.ts';
import { AppError } from '../../errors.ts';

const LOOPBACK = ['127.0.0.1', 'localhost', '::1'];

/**
 * The address of the service's pages: PUBLIC_URL, or on this machine `http://localhost:<port>`, since Salesforce accepts http only there.
 * @throws AppError conflict if it is unknown: it is never inferred from a request
 */
export function pagesOrigin({ host, publicUrl }: Config['http'], port: number): string {
  if (publicUrl !== undefined) return publicUrl;
  if (LOOPBACK.includes(host)) return `http://localhost:${port}`;
  throw new AppError(
    'conflict',
    'Salesforce can send browsers back only to a known address. Set PUBLIC_URL to the address of this service, https://<host>.',
  );
}

/**
 * Leads a browser that uses another name of this machine to the one whose cookies and callback URL count. Any other Host is that of a page
 * that resolves its own name to this machine.
 * @returns whether it redirects
 * @throws AppError forbidden
 */
export function redirectToLocalhost(ctx: Koa.Context, origin: string): boolean {
  if (!origin.startsWith('http://localhost:')) return false;
  const { hostname } = URL.parse(`http://${ctx.get('Host')}`) ?? {};
  if (hostname === 'localhost') return false;
  if (!['127.0.0.1', '[::1]'].includes(hostname ?? ''))
    throw new AppError('forbidden', `This page is for this machine only. Open ${origin}.`);
  ctx.status = 303;
  // Not the URL: a request may name another host in it.
  ctx.set('Location', `${origin}${ctx.path}${ctx.search}`);
  return true;
}
