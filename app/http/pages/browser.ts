import { createHash, randomBytes } from 'node:crypto';
import type Koa from 'koa';

/** Twice as long as a login may take: its last page needs the cookie, too. */
const COOKIE_SECONDS = 20 * 60;

/** The hash of the cookie that identifies this browser; undefined if it has none. */
export function findBrowser(ctx: Koa.Context, origin: string): Buffer | undefined {
  const value = readCookie(ctx, origin);
  return value === undefined ? undefined : hash(value);
}

/** Gives this browser a cookie, or prolongs the one that it has: several logins may be open in it. @returns the cookie's hash */
export function identifyBrowser(ctx: Koa.Context, origin: string): Buffer {
  const value = readCookie(ctx, origin) ?? randomBytes(32).toString('base64url');
  // Lax: the browser also sends it when Salesforce redirects back.
  const attributes = ['Path=/', 'HttpOnly', 'SameSite=Lax', `Max-Age=${COOKIE_SECONDS}`, ...(isSecure(origin) ? ['Secure'] : [])];
  ctx.append('Set-Cookie', [`${cookieName(origin)}=${value}`, ...attributes].join('; '));
  return hash(value);
}

function readCookie(ctx: Koa.Context, origin: string): string | undefined {
  const value = ctx.cookies.get(cookieName(origin));
  return value !== undefined && /^[\w-]{43}$/.test(value) ? value : undefined;
}

/** With this prefix, browsers accept the cookie from this host only, over https. */
function cookieName(origin: string): string {
  return isSecure(origin) ? '__Host-login' : 'login';
}

function isSecure(origin: string): boolean {
  return origin.startsWith('https:');
}

function hash(value: string): Buffer {
  return createHash('sha256').update(value).digest();
}
