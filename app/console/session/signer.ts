import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';

/** Signs what the console gives to browsers, each kind of text for its own purpose. */
export interface Signer {
  sign(purpose: string, ...parts: readonly string[]): string;
  /** Whether any of the keys has signed these parts for this purpose. */
  verify(signature: string, purpose: string, ...parts: readonly string[]): boolean;
}

/** @param secrets from which the keys are derived, newest first: the newest signs, all verify */
export function createSigner(secrets: readonly Buffer[]): Signer {
  const keys = secrets.map((secret) => Buffer.from(hkdfSync('sha256', secret, '', 'console', 32)));
  const signWith = (key: Buffer, parts: readonly string[]): string =>
    createHmac('sha256', key).update(JSON.stringify(parts)).digest('base64url');
  return {
    sign: (...parts) => signWith(keys[0]!, parts),
    verify: (signature, ...parts) => keys.map((key) => isEqual(signWith(key, parts), signature)).includes(true),
  };
}

function isEqual(expected: string, given: string): boolean {
  const [one, other] = [Buffer.from(expected), Buffer.from(given)];
  return one.length === other.length && timingSafeEqual(one, other);
}
