import type { Middleware } from 'koa';

/** Headers of every real response; Date is the host's own time. */
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
