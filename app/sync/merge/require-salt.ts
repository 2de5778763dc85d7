import type { Context } from '../../context.ts';
import type { FieldColumn } from '../../core/columns.ts';
import { AppError } from '../../errors.ts';

/**
 * The parameter of a statement that types these columns.
 * @returns undefined if none of them is hashed
 * @throws AppError hash_salt_missing
 */
export function requireSalt({ config }: Context, columns: readonly FieldColumn[]): string | undefined {
  if (!columns.some(({ hashed }) => hashed)) return undefined;
  if (config.hashSalt !== undefined) return config.hashSalt;
  throw new AppError(
    'hash_salt_missing',
    'The job hashes fields, but HASH_SALT is not set. Set it to what it was, then restart the service.',
  );
}
