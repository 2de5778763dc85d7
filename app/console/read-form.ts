import type Koa from 'koa';
import { AppError } from '../errors.ts';

/** Enough for a page of jobs, and for 10,000 Ids of 18 characters with percent-encoded commas. */
const MAX_BYTES = 256 * 1024;

/** Reads the fields of a form. @throws AppError unsupported_media_type, body_too_large, invalid_request */
export async function readForm(ctx: Koa.Context, maxBytes = MAX_BYTES): Promise<URLSearchParams> {
  if (ctx.request.is('application/x-www-form-urlencoded') === false) {
    throw new AppError('unsupported_media_type', 'The console accepts only the forms of its own pages.');
  }
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of ctx.req as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > maxBytes) throw new AppError('body_too_large', `The form is larger than ${maxBytes / 1024} KiB. Send fewer values.`);
    parts.push(part);
  }
  const form = new URLSearchParams(Buffer.concat(parts).toString());
  requireValidText(form);
  return form;
}

/** Postgres stores no NUL. @throws AppError invalid_request */
export function requireValidText(fields: URLSearchParams): void {
  for (const [name, value] of fields) {
    if (value.includes('\0')) throw new AppError('invalid_request', `${name.slice(0, 60)} contains invalid characters.`);
  }
}
