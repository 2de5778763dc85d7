import { createHash } from 'node:crypto';
import type { Parts } from '../parts.ts';
import { objectDescribe } from './describe.ts';
import { notFoundError } from './salesforce-error.ts';

/** A reply that a client may already have. */
export interface ConditionalReply {
  status: 200 | 304;
  /** ETag and Last-Modified */
  headers: { ETag: string; 'Last-Modified': string };
  /** JSON; undefined for 304 */
  text: string | undefined;
}

/** The headers of a request that make it conditional; empty or undefined if it has none. */
export interface Condition {
  ifNoneMatch: string | undefined;
  ifModifiedSince: string | undefined;
}

/** An object's description. Throws NOT_FOUND. */
export function describeReply({ org, urls }: Parts, object: string, version: string, condition: Condition): ConditionalReply {
  const table = org.table(object);
  if (!table) throw notFoundError();
  return conditionalReply(objectDescribe(table, version, urls.instance), table.describedAt, condition);
}

/** Returns 304 if the client already has this description. */
export function conditionalReply(value: object, changed: Date, { ifNoneMatch, ifModifiedSince }: Condition): ConditionalReply {
  const text = JSON.stringify(value);
  const tag = `"${createHash('sha256').update(text).digest('hex').slice(0, 32)}"`;
  const known = ifNoneMatch
    ? ifNoneMatch.includes(tag)
    : Boolean(ifModifiedSince) && Date.parse(ifModifiedSince!) >= Math.floor(changed.getTime() / 1000) * 1000;
  return {
    status: known ? 304 : 200,
    headers: { ETag: tag, 'Last-Modified': changed.toUTCString() },
    text: known ? undefined : text,
  };
}
