import { Router } from '@koa/router';
import Koa, { type Middleware } from 'koa';
import { adminRoutes } from '../admin.ts';
import { bulkRoutes } from '../bulk/bulk.ts';
import { localOnly } from '../local-only.ts';
import { longRequests } from '../long-requests.ts';
import { userinfo } from '../oauth/identity.ts';
import { requireSession, requireVersion, salesforceErrors } from '../oauth/session.ts';
import type { Parts } from '../parts.ts';
import { commonHeaders } from './common-headers.ts';
import { compositeRoute } from './composite.ts';
import { compressedJson } from './compressed-json.ts';
import { injectHttpFaults } from './inject-http-faults.ts';
import { queryRoutes } from './query.ts';
import { recordRoute } from './record.ts';
import { replicationRoutes } from './replication.ts';
import { restRoutes, versionsRoute } from './rest.ts';
import { notFoundError } from './salesforce-error.ts';

/** The instance host: REST, Bulk API 2.0, and the emulators' own routes. */
export function instanceHost(parts: Parts): Koa {
  const open = new Router();
  adminRoutes(open, parts);
  versionsRoute(open);
  open.get('/services/oauth2/userinfo', (context) => userinfo(context, parts));
  const closed = new Router();
  restRoutes(closed, parts);
  queryRoutes(closed, parts);
  bulkRoutes(closed, parts);
  compositeRoute(closed, parts);
  replicationRoutes(closed, parts);
  recordRoute(closed, parts);
  const koa = new Koa();
  koa.silent = true;
  koa
    .use(localOnly)
    .use(commonHeaders(() => parts.clock.now()))
    .use(injectHttpFaults(parts.faults))
    .use(longRequests)
    .use(compressedJson(parts.faults))
    .use(salesforceErrors);
  koa.use(open.routes());
  koa.use(nothingElseUnderEmulator);
  koa.use(requireVersion).use(requireSession(parts)).use(closed.routes());
  return koa;
}

const nothingElseUnderEmulator: Middleware = async (context, next) => {
  if (context.path.startsWith('/emulator/')) throw notFoundError();
  await next();
};
