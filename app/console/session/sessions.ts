import { randomBytes } from 'node:crypto';
import type Koa from 'koa';
import type { ApiKey } from '../../config.ts';
import type { Caller } from '../route.ts';
import { readCookie, SESSION_SECONDS, writeCookie } from './cookies.ts';
import type { Signer } from './signer.ts';

/** A caller who is signed in, with what identifies the session. */
export interface Session {
  caller: Caller;
  id: string;
  /** in real time; undefined: never */
  endsAt: Date | undefined;
}

/** Signs the caller's browser in. @param now in real time */
export function startSession(ctx: Koa.Context, signer: Signer, { sha256, name }: ApiKey, now: Date): void {
  const expires = String(Math.floor(now.getTime() / 1000) + SESSION_SECONDS);
  const parts = [Buffer.from(name).toString('base64url'), expires, randomBytes(16).toString('base64url')];
  writeCookie(ctx, 'session', [...parts, signer.sign('session', ...parts, sha256.toString('hex'))].join('.'));
}

/**
 * The session of a request. It ends with its time, and with its key: the signature contains the key's hash, so a key that was removed from
 * the configuration, or replaced under the same name, signs no longer. Another role of the key applies at once.
 */
export function findSession(ctx: Koa.Context, signer: Signer, keys: readonly ApiKey[], now: Date): Session | undefined {
  const id = readCookie(ctx, 'session');
  const [name, expires, nonce, signature] = id?.split('.') ?? [];
  if (!id || !name || !expires || !nonce || !signature) return undefined;
  const endsAt = new Date(Number(expires) * 1000);
  if (!(endsAt > now)) return undefined;
  const key = keys
    .filter((candidate) => candidate.name === Buffer.from(name, 'base64url').toString())
    .find(({ sha256 }) => signer.verify(signature, 'session', name, expires, nonce, sha256.toString('hex')));
  return key && key.role !== 'tick' ? { caller: { name: key.name, role: key.role }, id, endsAt } : undefined;
}

export function endSession(ctx: Koa.Context): void {
  writeCookie(ctx, 'session', undefined);
}
