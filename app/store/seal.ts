import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { AppError } from '../errors.ts';

const ALGORITHM = 'aes-256-gcm';
const VERSION = 'v1';

/** Seals secrets for the job store and opens them. The first key seals; every key opens. */
export interface Sealer {
  /** the ids of its keys, in their order; each sealed text contains that of its key */
  readonly keyIds: readonly string[];
  /** @param context the owner of the secret: a sealed text that is moved elsewhere does not open */
  seal(secret: string, context: string): string;
  /** @throws AppError unknown_token_key if none of the keys sealed it; Error if it was tampered with or belongs to another context */
  open(sealed: string, context: string): string;
}

/** @param keys 32 bytes each, newest first */
export function createSealer(keys: readonly Buffer[]): Sealer {
  const [first] = keys;
  if (!first) throw new Error('A sealer needs at least one key.');
  const byId = new Map(keys.map((key) => [keyId(key), key]));
  return {
    keyIds: [...byId.keys()],
    seal: (secret, context) => sealWith(first, secret, context),
    open: (sealed, context) => {
      const [version, id, nonce, tag, body] = sealed.split('.');
      if (version !== VERSION || !id || !nonce || !tag || body === undefined) throw new Error('Not a sealed text.');
      const key = byId.get(id);
      if (!key) throw new AppError('unknown_token_key', `TOKEN_KEYS does not contain key ${id}, which sealed this token. Add it back.`);
      const decipher = createDecipheriv(ALGORITHM, key, Buffer.from(nonce, 'base64url'));
      decipher.setAAD(Buffer.from(context)).setAuthTag(Buffer.from(tag, 'base64url'));
      return decipher.update(body, 'base64url', 'utf8') + decipher.final('utf8');
    },
  };
}

function sealWith(key: Buffer, secret: string, context: string): string {
  const nonce = randomBytes(12);
  const cipher = createCipheriv(ALGORITHM, key, nonce).setAAD(Buffer.from(context));
  const body = cipher.update(secret, 'utf8', 'base64url') + cipher.final('base64url');
  return [VERSION, keyId(key), nonce.toString('base64url'), cipher.getAuthTag().toString('base64url'), body].join('.');
}

/** Identifies a key without revealing it. */
function keyId(key: Buffer): string {
  return createHash('sha256').update(key).digest('hex').slice(0, 8);
}
