import { createHash, timingSafeEqual } from 'node:crypto';
import type Koa from 'koa';
import type { ApiKey, Role } from '../config.ts';
import type { Context } from '../context.ts';
import { AppError } from '../errors.ts';
import type { RateLimits } from './rate-limits.ts';

const TICK_PATH = '/handle_importing_job';

/** The authenticated caller. Without keys (`--local`), any caller on this machine is an admin. */
export interface Caller {
  name: string;
  role: Role;
}

/**
 * Requires an API key before reading anything else of the request. The key comes in a header, never in a cookie or URL, so a web page
 * cannot make a browser send it.
 */
export function requireApiKey({ config, keyUses }: Context, limits: RateLimits): Koa.Middleware {
  const { keys, keyless } = config.http;
  return async (ctx, next) => {
    const caller = keyless ? localCaller(ctx) : await keyedCaller(ctx, keys, limits);
    if (!keyless) keyUses.note(caller.name);
    ctx.state.caller = caller;
    await next();
  };
}

/** @throws AppError unauthorized, forbidden, too_many_requests */
async function keyedCaller(ctx: Koa.Context, keys: readonly ApiKey[], limits: RateLimits): Promise<Caller> {
  const { name, role } = await findKey(readApiKey(ctx), ctx.ip, keys, limits);
  return { name, role };
}

/** The entry of an API key, as a caller at an address sent it. @throws AppError forbidden, too_many_requests */
export async function findKey(given: string, address: string, keys: readonly ApiKey[], limits: RateLimits): Promise<ApiKey> {
  const sha256 = createHash('sha256').update(given).digest();
  // Compare all keys, each in constant time.
  const [key] = keys.filter((candidate) => timingSafeEqual(candidate.sha256, sha256));
  if (key) {
    await limits.countRequest(address, key.name);
    return key;
  }
  await limits.countWrongKey(address);
  throw new AppError('forbidden', 'Unknown API key. Check the key, or add its sha256 to API_KEYS.');
}

function readApiKey(ctx: Koa.Context): string {
  const given = ctx.get('X-API-Key') || /^Bearer +(\S+)$/i.exec(ctx.get('Authorization'))?.[1];
  if (given) return given;
  const advice = 'Send it as "Authorization: Bearer <key>" or "X-API-Key: <key>".';
  // EventBridge repeats a request that gets a 401 for hours, and the key would still be missing.
  throw new AppError(ctx.path === TICK_PATH ? 'forbidden' : 'unauthorized', `Missing API key. ${advice}`);
}

/** Without keys, only programs and pages on this machine may call. @throws AppError forbidden */
export function localCaller(ctx: Koa.Context, isForeign = isFromAnotherSite(ctx)): Caller {
  const { hostname, port } = URL.parse(`http://${ctx.get('Host')}`) ?? {};
  const isOurs = ['127.0.0.1', 'localhost', '[::1]'].includes(hostname ?? '') && Number(port || 80) === ctx.socket.localPort;
  if (!isOurs || isForeign) {
    throw new AppError(
      'forbidden',
      'Without API keys, the service accepts requests from this machine only. Call http://127.0.0.1, not from a page of another site.',
    );
  }
  return { name: 'local', role: 'admin' };
}

/** Whether a page of another site sends the request, as browsers say. */
export function isFromAnotherSite(ctx: Koa.Context): boolean {
  const origin = ctx.get('Origin');
  const site = ctx.get('Sec-Fetch-Site') || 'none';
  return (origin !== '' && origin !== `http://${ctx.get('Host')}`) || !['none', 'same-origin'].includes(site);
}
