import type Koa from 'koa';
import type { Context } from '../context.ts';
import { AppError, isAppError } from '../errors.ts';
import type { Caller } from './auth.ts';
import { errorPage } from './pages/error-page.ts';
import { sendPage } from './pages/page.ts';
import type { RateLimits } from './rate-limits.ts';

/** The statuses of requests that were refused because of who sent them. */
const REFUSALS = [401, 403, 429];

/** The status, by nginx's convention, of a request whose caller left: nothing has failed, and nothing can be sent. */
const CLIENT_CLOSED_REQUEST = 499;

/** Sends every error as `{"error": {"code", "message"}}`, or as a page where a browser shows it. The details of unexpected errors are logged, never sent. */
export function handleErrors(context: Context, limits: RateLimits): Koa.Middleware {
  return async (ctx, next) => {
    try {
      await next();
      if (ctx.status === 404 && ctx.body == null) throw new AppError('not_found', 'Unknown path. See /docs for the endpoints.');
    } catch (error) {
      if (ctx.res.destroyed && isAborted(error)) {
        ctx.status = CLIENT_CLOSED_REQUEST;
        return;
      }
      const known = isAppError(error)
        ? error
        : new AppError('internal', 'An unexpected error occurred. See the log for details.', { cause: error });
      if (known.status >= 500) context.events.requestFailed(withoutToken(ctx.path), known);
      if (REFUSALS.includes(known.status)) await logRefusal(context, limits, ctx, known.status);
      ctx.status = known.status;
      if (known.code === 'unauthorized') ctx.set('WWW-Authenticate', 'Bearer');
      if (known.code === 'too_many_requests') ctx.set('Retry-After', String(Math.max(1, Math.ceil((known.retryAfterMs ?? 0) / 1000))));
      const showError = ctx.state.showError as ((error: AppError) => void) | undefined;
      if (showError) showError(known);
      else if (ctx.state.isPage) sendPage(ctx, errorPage(known), known.status);
      else ctx.body = { error: { code: known.code, message: known.message } };
    }
  };
}

/** Whether the work ended because the caller left. */
function isAborted(error: unknown): boolean {
  return ((isAppError(error) ? error.cause : error) as Error | undefined)?.name === 'AbortError';
}

/** The path of a connect link contains its token. */
function withoutToken(path: string): string {
  return path.replace(/^\/connect\/(?!done\b).*/, '/connect/…');
}

/** Once per address and minute for each status: an attacker must not fill the log. */
async function logRefusal({ events }: Context, limits: RateLimits, ctx: Koa.Context, status: number): Promise<void> {
  const caller = ctx.state.caller as Caller | undefined;
  if (await limits.shouldLog(ctx.ip, status)) events.keyRefused({ address: ctx.ip, status, key: caller?.name });
}
