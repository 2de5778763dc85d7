import type Koa from 'koa';
import type { Notice } from './route.ts';
import { readCookie, writeCookie } from './session/cookies.ts';
import type { Signer } from './session/signer.ts';

/** Other than that of releases whose notices have another form: in a deployment, both read them. */
const SIGNED_AS = 'notice text';

/** Of the text in UTF-8. In base64, with its signature and its name, it stays below the 4,096 bytes that browsers keep of a cookie. */
const MAX_BYTES = 2_800;

/** Keeps a notice for the page that the browser opens next. */
export function keepNotice(ctx: Koa.Context, signer: Signer, { kind, text }: Notice): void {
  const value = Buffer.from(`${kind} ${shorten(text)}`).toString('base64url');
  writeCookie(ctx, 'notice', `${value}.${signer.sign(SIGNED_AS, value)}`);
}

/** Takes the notice for this page, if there is one. */
export function takeNotice(ctx: Koa.Context, signer: Signer): Notice | undefined {
  const [value, signature] = readCookie(ctx, 'notice')?.split('.') ?? [];
  if (!value) return undefined;
  writeCookie(ctx, 'notice', undefined);
  if (!signature || !signer.verify(signature, SIGNED_AS, value)) return undefined;
  const [, kind, text] = /^(good|bad) (.*)$/s.exec(Buffer.from(value, 'base64url').toString()) ?? [];
  return kind && text ? { kind: kind as Notice['kind'], text } : undefined;
}

/** The start of a text, if it is too long. A character that is cut in two is left out. */
function shorten(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= MAX_BYTES) return text;
  return `${new TextDecoder().decode(bytes.subarray(0, MAX_BYTES), { stream: true })}…`;
}
