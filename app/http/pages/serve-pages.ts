import Router from '@koa/router';
import type Koa from 'koa';
import { CALLBACK_PATH, finishBrowserLogin } from '../../actions/connections/connect-browser.ts';
import { hashToken, requireConnectLink } from '../../actions/connections/connect-links.ts';
import { type LoginAnswer, startLogin } from '../../actions/connections/login.ts';
import { hasSignedIn } from '../../console/session/cookies.ts';
import type { Context } from '../../context.ts';
import { isRunId } from '../../core/runs/run-id.ts';
import { AppError } from '../../errors.ts';
import { findResult } from '../../store/connections/authorizations.ts';
import { localCaller } from '../auth.ts';
import { findBrowser, identifyBrowser } from './browser.ts';
import { connectPage } from './connect-page.ts';
import { pagesOrigin, redirectToLocalhost } from './origin.ts';
import { sendPage } from './page.ts';
import { PageRequests } from './page-requests.ts';
import { resultPage, UNFINISHED_PAGE, UNKNOWN_PAGE } from './result-page.ts';

/** Requests from one address. A login takes about five. */
const MAX_PER_MINUTE = 60;

/**
 * The pages for people, which need no API key: a login belongs to the browser that started it, by its cookie. Passes other requests on.
 */
export function servePages(context: Context): Koa.Middleware {
  const { http } = context.config;
  const requests = new PageRequests(MAX_PER_MINUTE);
  const pages = createPages(context).routes() as Koa.Middleware;
  return async (ctx, next) => {
    if (!/^\/(oauth|connect)\//.test(ctx.path)) return await next();
    ctx.state.isPage = true;
    await requests.count(ctx.ip);
    ctx.state.origin = pagesOrigin(http, ctx.socket.localPort!);
    if (redirectToLocalhost(ctx, ctx.state.origin)) return;
    await pages(ctx, async () => {
      throw new AppError('not_found', 'This page does not exist.');
    });
  };
}

function createPages(context: Context): Router {
  const { config, database } = context;
  const router = new Router();

  router.get('/oauth/start', async (ctx) => {
    requireGet(ctx);
    if (!config.http.keyless) {
      throw new AppError('forbidden', 'Logins start with a link here. Ask an operator of the service for one: POST /v1/connect-links.');
    }
    localCaller(ctx);
    const owner = { browserHash: identifyBrowser(ctx, ctx.state.origin) };
    const loginUrl = readParameter(ctx, 'login_url')?.replace(/\/$/, '');
    seeOther(ctx, await startLogin(context, owner, `${ctx.state.origin}${CALLBACK_PATH}`, loginUrl));
  });

  router.get(CALLBACK_PATH, async (ctx) => {
    requireGet(ctx);
    const id = await finishLogin(ctx);
    // Code and state leave the address bar, and the browser's history.
    seeOther(ctx, id === undefined ? '/connect/done' : `/connect/done/${id}`);
  });

  async function finishLogin(ctx: Koa.Context): Promise<string | undefined> {
    const { origin } = ctx.state;
    const browserHash = findBrowser(ctx, origin);
    const state = readParameter(ctx, 'state');
    const answer = readAnswer(ctx);
    if (!browserHash || !state || !answer) return undefined;
    return await finishBrowserLogin(context, `${origin}${CALLBACK_PATH}`, state, answer, browserHash);
  }

  router.get('/connect/done{/:id}', async (ctx) => {
    const { id } = ctx.params;
    const browserHash = findBrowser(ctx, ctx.state.origin);
    const result = id && isRunId(id) && browserHash ? await findResult(database, id, browserHash) : undefined;
    if (result === undefined) sendPage(ctx, UNKNOWN_PAGE, 400);
    else sendPage(ctx, result === 'unfinished' ? UNFINISHED_PAGE : resultPage(result, config.http.keyless || hasSignedIn(ctx)));
  });

  router.get('/connect/:token', async (ctx) => {
    sendPage(ctx, connectPage(await requireConnectLink(context, ctx.params.token!)));
  });

  router.post('/connect/:token', async (ctx) => {
    // Browsers that do not send this header are refused by the token alone, which no other site knows.
    const site = ctx.get('Sec-Fetch-Site') || 'same-origin';
    if (site !== 'same-origin') throw new AppError('forbidden', 'Open the link itself, and use the button of its page.');
    const { token } = ctx.params;
    const { loginUrl } = await requireConnectLink(context, token!);
    const owner = { browserHash: identifyBrowser(ctx, ctx.state.origin) };
    seeOther(ctx, await startLogin(context, owner, `${ctx.state.origin}${CALLBACK_PATH}`, loginUrl, hashToken(token!)));
  });

  return router;
}

/** The router would treat HEAD as GET, which starts or completes a login. */
function requireGet(ctx: Koa.Context): void {
  if (ctx.method !== 'GET') throw new AppError('method_not_allowed', 'This page supports only GET.');
}

function seeOther(ctx: Koa.Context, url: string): void {
  ctx.set({ Location: url, 'Cache-Control': 'no-store', 'Referrer-Policy': 'no-referrer' });
  ctx.status = 303;
  ctx.body = '';
}

function readAnswer(ctx: Koa.Context): LoginAnswer | undefined {
  const error = readParameter(ctx, 'error');
  if (error) return { error, description: readParameter(ctx, 'error_description') };
  const code = readParameter(ctx, 'code');
  return code ? { code } : undefined;
}

/** A parameter of the query; undefined if it is absent, repeated, or cannot be stored. */
function readParameter(ctx: Koa.Context, name: string): string | undefined {
  const value = ctx.query[name];
  return typeof value === 'string' && !value.includes('\0') && value.isWellFormed() ? value : undefined;
}
