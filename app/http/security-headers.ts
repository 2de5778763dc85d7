import type Koa from 'koa';
import helmet from 'koa-helmet';

/** For how long browsers remember to use only https: a year. */
const HTTPS_ONLY_SECONDS = 365 * 24 * 60 * 60;

/**
 * Sets headers that restrict what a browser does with a response. A response is data: nothing in it may load, run, be framed or be cached.
 * @param publicUrl browsers are to use only https for this host, if its address says so
 */
export function setSecurityHeaders(publicUrl: string | undefined): Koa.Middleware {
  const headers = helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { defaultSrc: ["'none'"], baseUri: ["'none'"], formAction: ["'none'"], frameAncestors: ["'none'"] },
    },
    strictTransportSecurity: publicUrl?.startsWith('https:') ? { maxAge: HTTPS_ONLY_SECONDS, includeSubDomains: false } : false,
  });
  return async (ctx, next) => {
    ctx.set('Cache-Control', 'no-store');
    await headers(ctx, next);
  };
}
