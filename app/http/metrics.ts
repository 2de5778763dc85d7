import type Koa from 'koa';
import type { Context } from '../context.ts';
import { readGauges } from '../store/gauges.ts';
import { localCaller } from './auth.ts';

/** Paths that no router matches, and that have a metric of their own. */
const PATHS = new Set(['/', '/healthz', '/readyz', '/metrics', '/openapi.json', '/docs']);

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PATCH', 'DELETE']);

/** Measures each response by its route. Callers choose paths and methods, so others than ours are one. */
export function measureResponses({ metrics }: Context): Koa.Middleware {
  return async (ctx, next) => {
    const start = performance.now();
    ctx.res.once('close', () => {
      // A live page's stream lasts as long as the page.
      if (ctx.response.is('text/event-stream')) return;
      const route = (ctx._matchedRoute as string | undefined) ?? (PATHS.has(ctx.path) ? ctx.path : 'other');
      const method = METHODS.has(ctx.method) ? ctx.method : 'other';
      metrics.observeResponse(route, method, ctx.status, (performance.now() - start) / 1000);
    });
    await next();
  };
}

/**
 * The metrics, for a scraper inside the network, which needs no key. The load balancer does not forward the path; a request that came
 * through any proxy is treated as one to an unknown path nevertheless.
 */
export function serveMetrics({ config, database, metrics }: Context): Koa.Middleware {
  return async (ctx, next) => {
    const isDirect = ctx.get('X-Forwarded-For') === '' && ctx.get('Forwarded') === '';
    if (ctx.path !== '/metrics' || !['GET', 'HEAD'].includes(ctx.method) || !isDirect) return await next();
    // On a laptop, a web page of another site might call it.
    if (config.http.keyless) localCaller(ctx);
    const { type, body } = await metrics.text(await readGauges(database).catch(() => undefined));
    ctx.set('Content-Type', type);
    ctx.body = body;
  };
}
