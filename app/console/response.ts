import { Readable } from 'node:stream';
import type Koa from 'koa';

/** Everything comes from this service, nothing is inline, nothing is evaluated, and no other site frames or receives anything. */
const POLICY = [
  `default-src 'none'`,
  `script-src 'self'`,
  `style-src 'self'`,
  `img-src 'self'`,
  `connect-src 'self'`,
  `form-action 'self'`,
  `base-uri 'none'`,
  `frame-ancestors 'none'`,
].join('; ');

/** Sets the headers of every response of the console. */
export function setConsoleHeaders(ctx: Koa.Context): void {
  ctx.set({
    'Cache-Control': 'no-store',
    'Content-Security-Policy': POLICY,
    'Cross-Origin-Opener-Policy': 'same-origin',
    // Not no-referrer: browsers would then hide from us which site sends a form.
    'Referrer-Policy': 'same-origin',
    'X-Content-Type-Options': 'nosniff',
    'X-Robots-Tag': 'noindex',
  });
}

export function sendHtml(ctx: Koa.Context, text: string, status = 200): void {
  ctx.status = status;
  ctx.type = 'html';
  ctx.body = text;
}

/** Sends a page in parts, as they come. If one fails, the page ends there. */
export function sendHtmlParts(ctx: Koa.Context, parts: AsyncIterable<string>): void {
  ctx.type = 'html';
  // Proxies would wait for the whole page.
  ctx.set('X-Accel-Buffering', 'no');
  // A browser that leaves is not an error.
  ctx.body = Readable.from(parts, { objectMode: false }).on('error', () => {});
}

export function seeOther(ctx: Koa.Context, location: string): void {
  ctx.status = 303;
  ctx.set('Location', location);
  ctx.body = '';
}
