import type Koa from 'koa';
import type { Context } from '../context.ts';
import { AppError, isAppError } from '../errors.ts';
import { describeError } from '../log.ts';

/** Answers every error as `{"error": {"code", "message"}}`; what nobody foresaw is told to the log, not to the caller. */
export function answerErrors(context: Context): Koa.Middleware {
  return async (ctx, next) => {
    try {
      await next();
      if (ctx.status === 404 && ctx.body == null)
        throw new AppError('not_found', 'There is no such path: see the README for the endpoints.');
    } catch (error) {
      const known = isAppError(error) ? error : new AppError('internal', 'An unexpected error: it is in the log.', { cause: error });
      if (known.status >= 500) context.log.error({ event: 'request_failed', path: ctx.path, ...describeError(known) });
      ctx.status = known.status;
      if (known.code === 'unauthorized') ctx.set('WWW-Authenticate', 'Bearer');
      ctx.body = { error: { code: known.code, message: known.message } };
    }
  };
}
