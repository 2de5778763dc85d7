import type { Context } from '../context.ts';
import type { FieldColumn } from '../core/fields/columns.ts';
import { saltName } from '../core/fields/salt-name.ts';
import { AppError } from '../errors.ts';

/**
 * The parameter of a statement that types these columns.
 * @returns undefined if none of them is hashed
 * @throws AppError hash_salt_missing
 */
export function requireSalt({ config }: Context, columns: readonly FieldColumn[]): string | undefined {
  const hashed = columns.filter((column) => column.hashed);
  if (hashed.length === 0) return undefined;
  const { hashSalt } = config;
  if (hashSalt === undefined) {
    throw new AppError(
      'hash_salt_missing',
      'The job hashes fields, but HASH_SALT is not set. Set it to what it was, then restart the service.',
    );
  }
  if (hashed.every(({ salt }) => salt === saltName(hashSalt))) return hashSalt;
  throw new AppError(
    'hash_salt_missing',
    'HASH_SALT has changed since this run started. Set it to what it was and restart the service, or cancel the run: the next one hashes all rows again.',
  );
}
