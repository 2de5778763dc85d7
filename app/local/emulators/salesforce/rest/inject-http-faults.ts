import type { Context, Middleware } from 'koa';
import type { Faults, FaultTarget } from '../faults.ts';

const MAINTENANCE = '<html><head><title>Maintenance</title></head><body><h1>We are down for maintenance.</h1></body></html>';
const CUT_AFTER_BYTES = 100;

/** Faults for any request, on either host: the request is not processed, or its response does not arrive. */
export function injectHttpFaults(faults: Faults): Middleware {
  return async (context, next) => {
    if (context.path.startsWith('/emulator/')) return next();
    const occasion: FaultTarget = { method: context.method, url: context.url };
    const fault = faults.take('http', occasion);
    if (fault) {
      context.status = fault.status ?? 503;
      context.set({ 'Content-Type': 'text/html; charset=UTF-8', ...fault.headers });
      context.body = fault.body ?? MAINTENANCE;
      return;
    }
    if (faults.take('stall', occasion)) {
      context.respond = false;
      return;
    }
    const lost = faults.take('lost-reply', occasion);
    const cut = faults.take('cut-body', occasion);
    await next();
    if (lost) breakConnection(context);
    else if (cut) sendPart(context, cut.afterBytes ?? CUT_AFTER_BYTES);
  };
}

function breakConnection(context: Context): void {
  const { body } = context;
  if (isStream(body)) body.destroy();
  context.respond = false;
  context.req.socket.destroy();
}

/** Sends the head of a response and some bytes of its body, then breaks the connection. */
function sendPart(context: Context, bytes: number): void {
  if (typeof context.body !== 'string' && !Buffer.isBuffer(context.body)) return;
  const body = Buffer.from(context.body);
  context.respond = false;
  context.res.setHeader('Content-Length', body.length);
  context.res.write(body.subarray(0, Math.min(bytes, body.length - 1)), () => context.req.socket.destroy());
}

function isStream(body: unknown): body is { destroy(): void } {
  return typeof body === 'object' && body !== null && 'destroy' in body;
}
