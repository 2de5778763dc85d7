import { randomBytes } from 'node:crypto';
import type Koa from 'koa';
import { AppError } from '../../errors.ts';
import { readCookie, writeCookie } from './cookies.ts';
import type { Signer } from './signer.ts';

/** The name of the field that every form has. */
export const FORM_TOKEN = 'form_token';

/** The token of a session's forms: another site can neither read nor compute it. */
export function formToken(signer: Signer, sessionId: string): string {
  return signer.sign('form', sessionId);
}

/** The token of the sign-in form, before there is a session: it belongs to the browser. */
export function signInToken(ctx: Koa.Context, signer: Signer): string {
  const browser = readCookie(ctx, 'sign-in') || randomBytes(16).toString('base64url');
  writeCookie(ctx, 'sign-in', browser);
  return signer.sign('form', 'sign-in', browser);
}

/** @throws AppError forbidden if the sign-in form was not sent by this browser from our own page */
export function requireSignInToken(ctx: Koa.Context, signer: Signer, form: URLSearchParams): void {
  const browser = readCookie(ctx, 'sign-in');
  if (!browser || !signer.verify(form.get(FORM_TOKEN) ?? '', 'form', 'sign-in', browser)) throw isNotOurs();
}

/** @throws AppError forbidden if the form is not one of this session */
export function requireFormToken(signer: Signer, form: URLSearchParams, sessionId: string): void {
  if (!signer.verify(form.get(FORM_TOKEN) ?? '', 'form', sessionId)) throw isNotOurs();
}

/** Browsers say which site sends a form. @throws AppError forbidden */
export function requireOwnSite(ctx: Koa.Context): void {
  const site = ctx.get('Sec-Fetch-Site') || 'same-origin';
  const origin = ctx.get('Origin');
  if (site !== 'same-origin' || (origin && URL.parse(origin)?.host !== ctx.host)) throw isNotOurs();
}

function isNotOurs(): AppError {
  return new AppError(
    'forbidden',
    'This form is out of date, or another site sent it. Nothing has changed. Open the page again, then retry.',
  );
}
