import Router from '@koa/router';
import type Koa from 'koa';
import type { Context } from '../context.ts';
import { AppError, isAppError } from '../errors.ts';
import { countAttention, readAttention } from './attention.ts';
import { withoutCalls } from './format.ts';
import { html } from './html.ts';
import { renderPage, renderSingle, renderSlowPage } from './layout.ts';
import { sendLive } from './live/live.ts';
import { LiveStreams } from './live/live-streams.ts';
import { SharedReads } from './live/shared-reads.ts';
import { keepNotice, takeNotice } from './notices.ts';
import { OPENED_AT } from './parts/live.ts';
import { readForm, requireValidText } from './read-form.ts';
import { seeOther, sendHtml, sendHtmlParts, setConsoleHeaders } from './response.ts';
import type { Caller, Permissions, Reply, Route, Visit } from './route.ts';
import { ROUTES } from './routes.ts';
import type { Entrance } from './session/entrance.ts';
import { formToken, requireFormToken, requireOwnSite } from './session/form-tokens.ts';
import { returnAddress } from './session/return-address.ts';
import { endSession, findSession, type Session } from './session/sessions.ts';
import { serveSignIn, signInUrl } from './session/sign-in.ts';
import { createSigner, type Signer } from './session/signer.ts';
import { serveStatic } from './static-files.ts';

/** What identifies the forms of the user of this machine, who has no session. */
const LOCAL_SESSION = 'local';

/**
 * The pages for people, at / and /console. They are rendered here and work without scripts; every change is an action that the API offers
 * as well, in a form that only the page itself can send. A session's cookie authorizes nothing outside of /console.
 */
export function createConsole(context: Context, entrance: Entrance): Koa.Middleware {
  const { http, tokenKeys } = context.config;
  const signer = createSigner(tokenKeys);
  const pages = createRouter(context, signer, entrance).routes() as Koa.Middleware;

  const sessionOf = async (ctx: Koa.Context): Promise<Session | undefined> => {
    if (http.keyless) return { caller: entrance.localCaller(ctx), id: LOCAL_SESSION, endsAt: undefined };
    const session = findSession(ctx, signer, http.keys, new Date());
    if (session) await entrance.countRequest(ctx.ip, session.caller.name);
    return session;
  };

  return async (ctx) => {
    setConsoleHeaders(ctx);
    ctx.state.isPublicOverHttps = http.publicUrl?.startsWith('https:');
    ctx.state.showError = (error: AppError) => sendHtml(ctx, errorPage(error), error.status);
    if (serveStatic(ctx)) return;
    if (ctx.method === 'POST') requireOwnSite(ctx);
    if (!http.keyless && (await serveSignIn(ctx, signer, entrance))) return;
    const session = await sessionOf(ctx);
    if (!session) return refuse(ctx);
    ctx.state.caller = session.caller;
    if (ctx.path === '/') return seeOther(ctx, '/console');
    ctx.state.session = session;
    await pages(ctx, async () => {
      throw new AppError('not_found', 'The console has no such page.');
    });
  };
}

/** Leads to the sign-in page, which says that a form did nothing; what is not a page itself only fails. @throws AppError unauthorized */
function refuse(ctx: Koa.Context): void {
  if (ctx.get('Accept').includes('text/event-stream')) throw new AppError('unauthorized', 'The session has ended. Sign in again.');
  const isAction = ctx.method === 'POST' && ctx.path !== '/console/sign-out';
  if (isAction) seeOther(ctx, signInUrl(sendingPage(ctx), { ended: 'yes', unchanged: 'yes' }));
  else seeOther(ctx, signInUrl(ctx.method === 'POST' || ctx.path === '/' ? '/console' : ctx.url));
}

/** The page of this console that sent a form, as the browser names it. */
function sendingPage(ctx: Koa.Context): string {
  const url = URL.parse(ctx.get('Referer'));
  return url?.host === ctx.host ? returnAddress(url.pathname + url.search) : '/console';
}

function createRouter(context: Context, signer: Signer, entrance: Entrance): Router {
  const router = new Router({ prefix: '/console' });
  const shared = new SharedReads();
  const streams = new LiveStreams();
  for (const route of ROUTES) {
    const register = route.method === 'GET' ? router.get.bind(router) : router.post.bind(router);
    register(route.path, async (ctx) => {
      const visited = await visit(ctx, route);
      if (route.method === 'GET') return await send(ctx, await route.handle(visited), visited);
      const reply = await act(route, visited);
      // Live pages must not return to what was before the action.
      shared.forgetAll();
      await send(ctx, reply, visited);
    });
  }
  router.post('/sign-out', async (ctx) => {
    requireFormToken(signer, await readForm(ctx), (ctx.state.session as Session).id);
    endSession(ctx);
    seeOther(ctx, signInUrl('/console'));
  });
  return router;

  async function visit(ctx: Koa.Context & { params: Record<string, string> }, route: Route): Promise<Visit> {
    const { caller, id, endsAt } = ctx.state.session as Session;
    const can = permissionsOf(caller);
    const form = ctx.method === 'POST' ? await readForm(ctx) : new URLSearchParams();
    const query = new URLSearchParams(ctx.querystring);
    requireValidText(query);
    const isLive = ctx.path.endsWith('/live');
    const openedAt = Number(query.get(OPENED_AT)) || 0;
    if (isLive) query.delete(OPENED_AT);
    if (ctx.method === 'POST') requireFormToken(signer, form, id);
    const needed = route.requires ?? (route.method === 'POST' ? 'operate' : undefined);
    if (needed && !can[needed]) throw mayNot(caller, needed);
    return {
      context,
      caller,
      can,
      formToken: formToken(signer, id),
      page: ctx.path.slice('/console'.length).replace(/\/live$/, ''),
      // A page that is opened is current: it may follow an action. Its live part never returns to what was before, also in another process.
      shared: shared.since(isLive ? openedAt : undefined),
      params: ctx.params,
      query,
      form,
      now: new Date(),
      origin: () => entrance.origin(ctx),
      closed: closedSignal(ctx, endsAt),
    };
  }

  async function send(ctx: Koa.Context, reply: Reply, visited: Visit): Promise<void> {
    if ('pieces' in reply) {
      streams.add(visited.caller.name, visited.closed);
      return await sendLive(ctx, reply.pieces, () => streams.pause(visited.closed));
    }
    if ('location' in reply) {
      if (reply.notice) keepNotice(ctx, signer, reply.notice);
      return seeOther(ctx, reply.location);
    }
    const { keyless } = context.config.http;
    const attention = countAttention(await readAttention(visited));
    const frame = { visit: visited, canSignOut: !keyless, attention, notice: takeNotice(ctx, signer) };
    if ('rows' in reply) return sendHtmlParts(ctx, renderSlowPage(reply, frame));
    sendHtml(ctx, renderPage(reply, frame));
  }
}

/** Aborts when the connection closes, or when the session ends. */
function closedSignal(ctx: Koa.Context, endsAt: Date | undefined): AbortSignal {
  const closed = new AbortController();
  const ending = endsAt && setTimeout(() => closed.abort(), endsAt.getTime() - Date.now());
  ctx.res.once('close', () => {
    clearTimeout(ending);
    closed.abort();
  });
  return closed.signal;
}

/** Performs an action. What it refuses is said on the page that its button leads to. */
async function act(route: Route, visit: Visit): Promise<Reply> {
  try {
    return await route.handle(visit);
  } catch (error) {
    if (!isAppError(error) || error.code === 'internal') throw error;
    return { location: returnAddress(visit.form.get('back')), notice: { kind: 'bad', text: withoutCalls(error.message) } };
  }
}

function permissionsOf({ role }: Caller): Permissions {
  return { operate: role === 'operate' || role === 'admin', rows: role === 'data' || role === 'admin' };
}

function mayNot({ role }: Caller, needed: keyof Permissions): AppError {
  const other = needed === 'operate' ? 'operate' : 'data';
  return new AppError('forbidden', `API keys with role ${role} may not do this. Sign in with a key of role ${other} or admin.`);
}

function errorPage({ message, status }: AppError): string {
  const title = status === 404 ? 'Not found' : status < 500 ? 'Not possible' : 'Something failed';
  return renderSingle(title, html`<h1>${title}</h1><p>${withoutCalls(message)}</p><p><a href="/console">Back to the overview</a></p>`);
}
