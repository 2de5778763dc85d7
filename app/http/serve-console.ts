import type Koa from 'koa';
import type { Context } from '../context.ts';
import { findKey, isFromAnotherSite, localCaller } from './auth.ts';
import { pagesOrigin, redirectToLocalhost } from './pages/origin.ts';
import type { RateLimits } from './rate-limits.ts';

/** Serves the console at / and /console. It is loaded when it is first opened: a service that only ticks does not need it. */
export function serveConsole(context: Context, limits: RateLimits): Koa.Middleware {
  const { http } = context.config;
  const entrance = {
    keyOf: (text: string, address: string) => findKey(text, address, http.keys, limits),
    async countRequest(address: string, keyName: string) {
      await limits.countRequest(address, keyName);
      context.keyUses.note(keyName);
    },
    // A link on another site may open a page, which changes nothing; it may not send a form.
    localCaller: (ctx: Koa.Context) => localCaller(ctx, isFromAnotherSite(ctx) && !isNavigation(ctx)),
    origin: (ctx: Koa.Context) => pagesOrigin(http, ctx.socket.localPort!),
  };
  let loaded: Promise<Koa.Middleware> | undefined;
  return async (ctx, next) => {
    if (ctx.path !== '/' && ctx.path !== '/console' && !ctx.path.startsWith('/console/')) return await next();
    // A login starts there, and a page at another name of this machine would be another site.
    if (http.keyless && ['GET', 'HEAD'].includes(ctx.method) && redirectToLocalhost(ctx, entrance.origin(ctx))) return;
    loaded ??= import('../console/console.ts').then(({ createConsole }) => createConsole(context, entrance));
    await (await loaded)(ctx, next);
  };
}

function isNavigation(ctx: Koa.Context): boolean {
  return ['GET', 'HEAD'].includes(ctx.method) && ctx.get('Sec-Fetch-Mode') === 'navigate';
}
