import Koa from 'koa';
import type { Context } from '../context.ts';
import { missingMigrations } from '../store/migrate.ts';
import type { StoreState } from '../sync/agreement.ts';
import { requireApiKey } from './auth.ts';
import { serveDocs } from './docs/serve-docs.ts';
import { ENDPOINTS } from './endpoints.ts';
import { handleErrors } from './errors.ts';
import { measureResponses, serveMetrics } from './metrics.ts';
import { servePages } from './pages/serve-pages.ts';
import { RateLimits } from './rate-limits.ts';
import { identifyRequest } from './request-id.ts';
import { createRouter } from './router.ts';
import { setSecurityHeaders } from './security-headers.ts';
import { serveConsole } from './serve-console.ts';

/** The HTTP API, and the pages. */
export function createApp(context: Context): Koa {
  const { proxyHops, publicUrl } = context.config.http;
  const limits = new RateLimits(context.config.http);
  // Callers can forge X-Forwarded-For entries to the left of those that our own proxies add.
  const app = new Koa({ proxy: proxyHops > 0, maxIpsCount: proxyHops });
  app.on('error', () => {
    // Responses that could not be sent because the client disconnected; handleErrors handles all other errors.
  });
  app.use(measureResponses(context));
  app.use(identifyRequest);
  app.use(setSecurityHeaders(publicUrl));
  app.use(handleErrors(context, limits));
  app.use(serveHealth);
  app.use(serveReadiness(context));
  app.use(serveDocs(context.config));
  app.use(serveMetrics(context));
  app.use(servePages(context));
  app.use(serveConsole(context, limits));
  app.use(requireApiKey(context, limits));
  app.use(createRouter(context, ENDPOINTS).routes());
  return app;
}

/** Liveness check for load balancers; needs no key and reveals nothing else. */
const serveHealth: Koa.Middleware = async (ctx, next) => {
  if (ctx.path !== '/healthz' || !['GET', 'HEAD'].includes(ctx.method)) return await next();
  ctx.body = 'OK';
};

/** Readiness check: the job store is reachable, current, and agrees with BigQuery. For operators; not exposed publicly. */
function serveReadiness(context: Context): Koa.Middleware {
  return async (ctx, next) => {
    if (ctx.path !== '/readyz' || !['GET', 'HEAD'].includes(ctx.method)) return await next();
    const missing = await missingMigrations(context.database).catch(() => undefined);
    const fault = findFault(missing, context.agreement.last);
    ctx.status = fault === undefined ? 200 : 503;
    ctx.body = fault ?? 'OK';
  };
}

function findFault(missingMigrations: readonly string[] | undefined, state: StoreState): string | undefined {
  if (!missingMigrations) return 'The job store is unreachable.';
  if (missingMigrations.length > 0) return `The job store lacks the migrations ${missingMigrations.join(', ')}.`;
  return state.kind === 'halted' ? state.error.message : undefined;
}
