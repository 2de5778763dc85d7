import Koa from 'koa';
import type { Context } from '../context.ts';
import { missingMigrations } from '../store/migrate.ts';
import type { StoreState } from '../sync/agreement.ts';
import { runAcceptance } from './accept-run.ts';
import { audit } from './audit.ts';
import { requireApiKey } from './auth.ts';
import { runCancellation } from './cancel-run.ts';
import { jobChange } from './change-job.ts';
import { connectLinkCreation, connectLinkList, connectLinkRevocation } from './connect-links.ts';
import { connectionChange, connectionEnd, connectionList, connectionTest, connectionView } from './connections.ts';
import { connectionCreation } from './create-connection.ts';
import { createImportingJob } from './create-importing-job.ts';
import { dbtSources } from './dbt-sources.ts';
import { jobDeletion } from './delete-job.ts';
import type { Endpoint } from './endpoint.ts';
import { jobErase } from './erase-record.ts';
import { handleErrors } from './errors.ts';
import { getOauthUrl } from './get-oauth-url.ts';
import { getRun } from './get-run.ts';
import { handleImportingJob } from './handle-importing-job.ts';
import { jobRuns } from './job-runs.ts';
import { jobs } from './jobs.ts';
import { connectionObjects } from './list-objects.ts';
import { loginOauthCallback } from './login-oauth-callback.ts';
import { servePages } from './pages/serve-pages.ts';
import { pauseImportingJob } from './pause-importing-job.ts';
import { RateLimits } from './rate-limits.ts';
import { jobReimport } from './reimport-job.ts';
import { jobRebuild, jobSweep, jobSyncNow } from './repair-job.ts';
import { resumeImportingJob } from './resume-importing-job.ts';
import { runRetry } from './retry-run.ts';
import { createRouter } from './router.ts';
import { setSecurityHeaders } from './security-headers.ts';
import { fieldPolicySuggestion } from './suggest-field-policy.ts';

const ENDPOINTS: readonly Endpoint[] = [
  getOauthUrl,
  loginOauthCallback,
  connectionCreation,
  connectLinkCreation,
  connectLinkList,
  connectLinkRevocation,
  createImportingJob,
  pauseImportingJob,
  resumeImportingJob,
  handleImportingJob,
  jobs,
  jobRuns,
  getRun,
  runCancellation,
  runRetry,
  runAcceptance,
  jobReimport,
  jobErase,
  jobRebuild,
  jobSweep,
  jobSyncNow,
  jobChange,
  jobDeletion,
  connectionList,
  connectionView,
  connectionChange,
  connectionTest,
  connectionEnd,
  connectionObjects,
  fieldPolicySuggestion,
  dbtSources,
  audit,
];

/** The HTTP API. */
export function createApp(context: Context): Koa {
  const { proxyHops, publicUrl } = context.config.http;
  const limits = new RateLimits(context.config.http);
  // Callers can forge X-Forwarded-For entries to the left of those that our own proxies add.
  const app = new Koa({ proxy: proxyHops > 0, maxIpsCount: proxyHops });
  app.on('error', () => {
    // Responses that could not be sent because the client disconnected; handleErrors handles all other errors.
  });
  app.use(setSecurityHeaders(publicUrl));
  app.use(handleErrors(context, limits));
  app.use(serveHealth);
  app.use(serveReadiness(context));
  app.use(servePages(context));
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
