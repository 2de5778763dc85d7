import { createHash } from 'node:crypto';

/** Distinguishes salts, so that values are hashed again after a change. Too short to confirm a guess. */
export function saltName(salt: string): string {
  return createHash('sha256').update(`name of ${salt}`).digest('hex').slice(0, 4);
}
