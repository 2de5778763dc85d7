import type Koa from 'koa';
import type { Config } from '../../config.ts';
import { AppError } from '../../errors.ts';
import { VERSION } from '../../version.ts';
import { ENDPOINTS } from '../endpoints.ts';
import { type Page, sendPage } from '../pages/page.ts';
import { PageRequests } from '../pages/page-requests.ts';
import { docsPage } from './docs-page.ts';
import { buildOpenApi } from './openapi.ts';

/** Requests from one address. */
const MAX_PER_MINUTE = 120;

/** For the examples, if the address of the service is unknown. */
const EXAMPLE_ORIGIN = 'https://sync.example.com';

/**
 * Serves /openapi.json and /docs. They need no key: a browser could not send one, and they contain nothing that the public repository does
 * not. What a load balancer forwards is its matter.
 */
export function serveDocs({ http }: Config): Koa.Middleware {
  const requests = new PageRequests(MAX_PER_MINUTE);
  let document: string | undefined;
  let page: Page | undefined;
  return async (ctx, next) => {
    if (ctx.path !== '/openapi.json' && ctx.path !== '/docs') return await next();
    ctx.state.isPage = ctx.path === '/docs';
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD') {
      ctx.set('Allow', 'GET, HEAD');
      throw new AppError('method_not_allowed', 'The documentation supports only GET.');
    }
    await requests.count(ctx.ip);
    if (ctx.path === '/openapi.json') {
      document ??= JSON.stringify(buildOpenApi(ENDPOINTS, VERSION, http.publicUrl));
      ctx.type = 'json';
      ctx.body = document;
    } else {
      const origin = http.publicUrl ?? (http.keyless ? `http://127.0.0.1:${ctx.socket.localPort}` : EXAMPLE_ORIGIN);
      page ??= docsPage(ENDPOINTS, VERSION, { origin, keyed: !http.keyless });
      sendPage(ctx, page);
    }
  };
}
