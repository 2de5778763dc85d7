import type Koa from 'koa';
import { readCookie, writeCookie } from './cookies.ts';
import type { Notice } from './route.ts';
import type { Signer } from './signer.ts';

/** Longer texts do not fit into a cookie. */
const MAX_LENGTH = 1_500;

/** Keeps a notice for the page that the browser opens next. */
export function keepNotice(ctx: Koa.Context, signer: Signer, { kind, text }: Notice): void {
  const shown = text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}…` : text;
  const value = Buffer.from(JSON.stringify({ kind, text: shown })).toString('base64url');
  writeCookie(ctx, 'notice', `${value}.${signer.sign('notice', value)}`);
}

/** Takes the notice for this page, if there is one. */
export function takeNotice(ctx: Koa.Context, signer: Signer): Notice | undefined {
  const [value, signature] = readCookie(ctx, 'notice')?.split('.') ?? [];
  if (!value) return undefined;
  writeCookie(ctx, 'notice', undefined);
  return signature && signer.verify(signature, 'notice', value)
    ? (JSON.parse(Buffer.from(value, 'base64url').toString()) as Notice)
    : undefined;
}
