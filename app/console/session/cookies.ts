import type Koa from 'koa';

/** A cookie of the console, by what it is for. */
export type CookieName = 'session' | 'sign-in' | 'notice';

interface Cookie {
  /** Strict: not sent when another site leads here. Lax: sent then, too, so that a link in an alert opens a page. */
  sameSite: 'Strict' | 'Lax';
  maxAgeSeconds: number;
}

/** A working day: then, the key must be entered again. */
export const SESSION_SECONDS = 12 * 60 * 60;

const COOKIES: Record<CookieName, Cookie> = {
  session: { sameSite: 'Lax', maxAgeSeconds: SESSION_SECONDS },
  'sign-in': { sameSite: 'Strict', maxAgeSeconds: 60 * 60 },
  notice: { sameSite: 'Strict', maxAgeSeconds: 60 },
};

/** Whether a browser has signed in to the console, perhaps too long ago: enough to show a way back to it. */
export function hasSignedIn(ctx: Koa.Context): boolean {
  return /(?:^|; )(?:__Host-)?console-session=./.test(ctx.get('Cookie'));
}

/** The value of a cookie. */
export function readCookie(ctx: Koa.Context, name: CookieName): string | undefined {
  return ctx.cookies.get(cookieName(ctx, name));
}

/** Sets a cookie that no script can read; undefined deletes it. */
export function writeCookie(ctx: Koa.Context, name: CookieName, value: string | undefined): void {
  const { sameSite, maxAgeSeconds } = COOKIES[name];
  const age = `Max-Age=${value === undefined ? 0 : maxAgeSeconds}`;
  const attributes = ['Path=/', 'HttpOnly', `SameSite=${sameSite}`, age, ...(isSecure(ctx) ? ['Secure'] : [])];
  ctx.append('Set-Cookie', [`${cookieName(ctx, name)}=${value ?? ''}`, ...attributes].join('; '));
}

/** With this prefix, browsers accept the cookie from this host only, over https. */
function cookieName(ctx: Koa.Context, name: CookieName): string {
  return `${isSecure(ctx) ? '__Host-' : ''}console-${name}`;
}

/** Whether browsers reach the service over https, perhaps at a proxy in front of it. */
function isSecure(ctx: Koa.Context): boolean {
  return ctx.secure || ctx.state.isPublicOverHttps === true;
}
