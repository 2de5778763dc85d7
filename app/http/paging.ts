import * as z from 'zod';
import { isCalendarDate } from '../core/calendar-date.ts';
import { isRunId } from '../core/runs/run-id.ts';
import { AppError } from '../errors.ts';
import type { Page, Position } from '../store/jobs/job-list.ts';
import { EXAMPLE } from './schemas/examples.ts';
import { field } from './schemas/fields.ts';

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1_000;

const limit = field(parseLimit, {
  description: `How many entries the page has at most; ${DEFAULT_LIMIT} by default.`,
  type: 'integer',
  minimum: 1,
  maximum: MAX_LIMIT,
}).default(DEFAULT_LIMIT);
const AFTER = { description: 'The next of the page before; absent: the first page.', example: EXAMPLE.next };

/** The fields of an endpoint that returns a list page by page, by position. Their values are a `Page`. */
export const pageFields = { limit, after: z.optional(field(parsePosition, AFTER)) };

/** Those of a list in order of a numeric id. */
export const idPageFields = { limit, after: z.optional(field(parseIdAfter, AFTER)) };

/** What a caller passes as `after` for the page that follows; null: there is none. @param last of a page with `found` entries */
export function nextAfter({ limit }: Pick<Page, 'limit'>, found: number, last: Position | undefined): string | null {
  return last && found === limit ? encodeAfter(`${last.createdAt} ${last.id}`) : null;
}

/** What a caller passes as `after` for the page that follows in a list by numeric id; null: there is none. */
export function nextAfterId({ limit }: Pick<Page, 'limit'>, found: readonly { id: number }[]): string | null {
  const last = found.at(-1);
  return last && found.length === limit ? encodeAfter(String(last.id)) : null;
}

function parseLimit(text: string): number {
  if (/^\d{1,4}$/.test(text) && Number(text) >= 1 && Number(text) <= MAX_LIMIT) return Number(text);
  throw new AppError('invalid_request', `limit must be a number from 1 to ${MAX_LIMIT}.`);
}

function parsePosition(text: string): Position {
  const [, createdAt, date, id] = decodeAfter(text, /^((\d{4}-\d\d-\d\d) \d\d:\d\d:\d\d(?:\.\d{1,6})?\+00) (\S+)$/);
  if (isCalendarDate(date!) && !Number.isNaN(Date.parse(createdAt!)) && isRunId(id!)) return { createdAt: createdAt!, id: id! };
  throw invalidAfter();
}

function parseIdAfter(text: string): number {
  return Number(decodeAfter(text, /^[1-9]\d{0,14}$/)[0]);
}

/** Encodes a position, which callers need not understand. */
function encodeAfter(position: string): string {
  return Buffer.from(position).toString('base64url');
}

/** @param pattern what the position must match @throws AppError invalid_request */
function decodeAfter(text: string, pattern: RegExp): RegExpExecArray {
  const match = pattern.exec(Buffer.from(text, 'base64url').toString());
  if (match) return match;
  throw invalidAfter();
}

function invalidAfter(): AppError {
  return new AppError('invalid_request', 'after must be the value of next in the response with the page before.');
}
