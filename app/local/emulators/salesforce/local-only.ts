import type { Middleware } from 'koa';
import { FOREIGN_REQUEST_MESSAGE, isForeign } from '../local-only.ts';
import { replyJson } from './rest/reply.ts';

const AUTHORIZE_PAGE = '/services/oauth2/authorize';

/** Serves only this machine. Apps send their users' browsers to the authorize page. */
export const localOnly: Middleware = async (context, next) => {
  if (!isForeign(context.req, context.path === AUTHORIZE_PAGE)) return await next();
  replyJson(context, [{ message: FOREIGN_REQUEST_MESSAGE, errorCode: 'FORBIDDEN' }], 403);
};
