import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
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

/** Load balancers and proxies close a connection that is silent for a minute, or for less. */
const MAX_SILENCE_MS = 15_000;

/** Sends a page in parts, as they come. If one fails, the page ends there. */
export function sendHtmlParts(ctx: Koa.Context, parts: AsyncIterable<string>): void {
  ctx.type = 'html';
  // Proxies would wait for the whole page.
  ctx.set('X-Accel-Buffering', 'no');
  // A browser that leaves is not an error.
  ctx.body = Readable.from(withoutSilence(parts, MAX_SILENCE_MS), { objectMode: false }).on('error', () => {});
}

/** The parts, with white space in between while the next one takes long. @param maxMs how long to wait before each */
export async function* withoutSilence(parts: AsyncIterable<string>, maxMs: number): AsyncGenerator<string> {
  const iterator = parts[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = iterator.next();
      let part = await within(next, maxMs);
      while (!part) {
        yield '\n';
        part = await within(next, maxMs);
      }
      if (part.done) return;
      yield part.value;
    }
  } finally {
    await iterator.return?.();
  }
}

/** @returns undefined if it takes longer */
async function within<T>(work: Promise<T>, maxMs: number): Promise<T | undefined> {
  const ended = new AbortController();
  try {
    return await Promise.race([work, sleep(maxMs, undefined, { signal: ended.signal })]);
  } finally {
    ended.abort();
  }
}

export function seeOther(ctx: Koa.Context, location: string): void {
  ctx.status = 303;
  ctx.set('Location', location);
  ctx.body = '';
}
