import { randomUUID } from 'node:crypto';
import type Koa from 'koa';
import { isRequestId } from '../core/request-id.ts';
import { duringRequest } from '../log.ts';

const HEADER = 'X-Request-Id';

/** Gives each request an id, the caller's if it sends one. It is returned, and logged with every event that the request causes. */
export const identifyRequest: Koa.Middleware = async (ctx, next) => {
  const given = ctx.get(HEADER);
  const id = isRequestId(given) ? given : randomUUID();
  ctx.set(HEADER, id);
  await duringRequest(id, next);
};
