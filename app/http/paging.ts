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
  return { limit: limit === undefined ? DEFAULT_LIMIT : readLimit(limit), after: after === undefined ? undefined : readPosition(after) };
}

/** What a caller passes as `after` for the page that follows; null: there is none. @param last of a page with `found` entries */
export function nextAfter({ limit }: Page, found: number, last: Position | undefined): string | null {
  return last && found === limit ? Buffer.from(`${last.createdAt} ${last.id}`).toString('base64url') : null;
}

function readLimit(text: string): number {
  if (/^\d{1,4}$/.test(text) && Number(text) >= 1 && Number(text) <= MAX_LIMIT) return Number(text);
  throw new AppError('invalid_request', `limit must be a number from 1 to ${MAX_LIMIT}.`);
}

function readPosition(text: string): Position {
  const [, createdAt, id] =
    /^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})?\+00) (\S+)$/.exec(Buffer.from(text, 'base64url').toString()) ?? [];
  if (createdAt !== undefined && !Number.isNaN(Date.parse(createdAt)) && isRunId(id!)) return { createdAt, id: id! };
  throw new AppError('invalid_request', 'after must be the value of next in the response with the page before.');
}
