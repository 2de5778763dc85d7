import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Middleware } from 'koa';
import type { Faults } from '../faults.ts';

const compress = promisify(gzip);
/** Shorter bodies are sent uncompressed. */
const SHORTEST = 1024;

/** Compresses JSON for clients that accept gzip. Result pages of Bulk jobs do this themselves. */
export function compressedJson(faults: Faults): Middleware {
  return async (context, next) => {
    await next();
    const { body } = context;
    if (typeof body !== 'string' || body.length < SHORTEST || !acceptsGzip(context.get('Accept-Encoding'))) return;
    if (faults.take('not-compressed', { method: context.method, url: context.url })) return;
    context.body = await compress(body, { level: 1 });
    context.set('Content-Encoding', 'gzip');
  };
}

export function acceptsGzip(acceptEncoding: string): boolean {
  return /\bgzip\b/i.test(acceptEncoding);
}
