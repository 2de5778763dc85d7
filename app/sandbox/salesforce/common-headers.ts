import type { Middleware } from 'koa';
import type { Faults } from './faults.ts';

/** Headers of every real reply; Date is the host's own time. */
export function commonHeaders(now: () => Date): Middleware {
  return async (context, next) => {
    context.set({
      Date: now().toUTCString(),
      'Strict-Transport-Security': 'max-age=63072000; includeSubDomains',
      'X-Content-Type-Options': 'nosniff',
      'X-Robots-Tag': 'none',
      'Cache-Control': 'no-cache,must-revalidate,max-age=0,no-store,private',
      'Set-Cookie': 'BrowserId=c2FuZGJveC1icm93c2Vy; path=/; Max-Age=31536000',
    });
    await next();
  };
}

const MAINTENANCE = '<html><head><title>Maintenance</title></head><body><h1>We are down for maintenance.</h1></body></html>';

/** Answers in place of the service where an `http` fault is due. */
export function httpFaults(faults: Faults): Middleware {
  return async (context, next) => {
    if (context.path.startsWith('/sandbox/')) return next();
    const fault = faults.take('http', { method: context.method, url: context.url });
    if (!fault) return next();
    context.status = fault.status ?? 503;
    context.set({ 'Content-Type': 'text/html; charset=UTF-8', ...fault.headers });
    context.body = fault.body ?? MAINTENANCE;
  };
}
