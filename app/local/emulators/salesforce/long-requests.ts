import type { Middleware } from 'koa';

const MAX_BYTES = 16_384;

/** Rejects requests whose URL, or URL and headers together, exceed Salesforce's limits. */
export const longRequests: Middleware = async (context, next) => {
  const address = Buffer.byteLength(context.url);
  const headers = context.req.rawHeaders.reduce((sum, part) => sum + Buffer.byteLength(part) + 2, 0);
  if (address <= MAX_BYTES && address + headers <= MAX_BYTES) return next();
  const [status, reason] = address > MAX_BYTES ? [414, 'URI Too Long'] : [431, 'Request Header Fields Too Large'];
  context.status = status as number;
  context.set('Content-Type', 'text/html');
  context.body = `<html><head><title>${status} ${reason}</title></head><body><h1>${status} ${reason}</h1></body></html>`;
};
