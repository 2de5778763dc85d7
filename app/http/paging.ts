import { isRunId } from '../core/run-id.ts';
import { AppError } from '../errors.ts';
import type { Page, Position } from '../store/job-list.ts';
import type { Fields } from './fields.ts';

/** The fields of an endpoint that returns a list page by page. */
export const PAGING_FIELDS = ['limit', 'after'] as const;

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1_000;

/** The page that a caller requests. @throws AppError invalid_request */
export function readPage({ limit, after }: Fields): Page {
  return { limit: readLimit(limit), after: readPosition(after) };
}

/** What a caller passes as `after` for the page that follows; null: there is none. @param last of a page with `found` entries */
export function nextAfter({ limit }: Page, found: number, last: Position | undefined): string | null {
  return last && found === limit ? encodeAfter(`${last.createdAt} ${last.id}`) : null;
}

/** How many entries a page has at most. @throws AppError invalid_request */
export function readLimit(text: string | undefined): number {
  if (text === undefined) return DEFAULT_LIMIT;
  if (/^\d{1,4}$/.test(text) && Number(text) >= 1 && Number(text) <= MAX_LIMIT) return Number(text);
  throw new AppError('invalid_request', `limit must be a number from 1 to ${MAX_LIMIT}.`);
}

function readPosition(text: string | undefined): Position | undefined {
  const [, createdAt, id] = readAfter(text, /^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})?\+00) (\S+)$/) ?? [];
  if (createdAt === undefined) return undefined;
  if (!Number.isNaN(Date.parse(createdAt)) && isRunId(id!)) return { createdAt, id: id! };
  throw invalidAfter();
}

/** Encodes a position, which callers need not understand. */
export function encodeAfter(position: string): string {
  return Buffer.from(position).toString('base64url');
}

/** Decodes a position. @param pattern what it must match @returns the match; undefined if none was passed @throws AppError invalid_request */
export function readAfter(text: string | undefined, pattern: RegExp): RegExpExecArray | undefined {
  if (text === undefined) return undefined;
  const match = pattern.exec(Buffer.from(text, 'base64url').toString());
  if (match) return match;
  throw invalidAfter();
}

function invalidAfter(): AppError {
  return new AppError('invalid_request', 'after must be the value of next in the response with the page before.');
}
