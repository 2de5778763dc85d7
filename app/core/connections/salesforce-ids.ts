import { AppError } from '../../errors.ts';
import { isLongId, toLongId } from './identity.ts';

/** Maximum Ids of one request: more are a range of Ids, or the whole object. */
export const MAX_IDS = 10_000;

/**
 * Parses a comma-separated list of record Ids.
 * @param keyPrefix the first three characters of the object's Ids; null: unknown
 * @returns 18-character Ids, each once, in order
 * @throws AppError invalid_request
 */
export function parseIds(name: string, text: string, objectName: string, keyPrefix: string | null): string[] {
  const ids = text
    .split(',')
    .map((id) => id.trim())
    .filter(Boolean);
  if (ids.length === 0) throw new AppError('invalid_request', `${name} is empty. Send record Ids, separated by commas.`);
  if (ids.length > MAX_IDS) {
    throw new AppError(
      'invalid_request',
      `${name} lists ${ids.length} Ids, but at most ${MAX_IDS} are possible. Reimport a range of Ids (id_from, id_to), or everything.`,
    );
  }
  return [...new Set(ids.map((id) => parseId(name, id, objectName, keyPrefix)))].sort();
}

/**
 * Parses a record Id of 15 or 18 characters.
 * @param keyPrefix the first three characters of the object's Ids; null: unknown
 * @returns 18 characters
 * @throws AppError invalid_request
 */
export function parseId(name: string, text: string, objectName: string, keyPrefix: string | null): string {
  const id = toLongId(text);
  if (!isLongId(id)) {
    throw new AppError('invalid_request', `${name} contains ${JSON.stringify(text.slice(0, 20))}, which is not a Salesforce Id.`);
  }
  if (keyPrefix !== null && !id.startsWith(keyPrefix)) {
    throw new AppError('invalid_request', `${name} contains ${id}, but the Ids of ${objectName} start with ${keyPrefix}.`);
  }
  return id;
}
