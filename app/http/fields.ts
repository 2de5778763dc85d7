import type Koa from 'koa';
import { koaBody } from 'koa-body';
import { AppError } from '../errors.ts';

/** A request's fields by name; an absent one is undefined. */
export type Fields = Record<string, string | undefined>;

const TYPES = ['multipart/form-data', 'application/x-www-form-urlencoded', 'application/json'];
const MAX_BYTES = 64 * 1024;

/** Reads a request's fields, of its query and its body: multipart, urlencoded or JSON. Files are refused, and never written anywhere. */
export async function readFields(ctx: Koa.Context): Promise<Fields> {
  const body = await readBody(ctx);
  const entries = [...Object.entries(ctx.query), ...Object.entries(body)];
  const fields: Fields = {};
  for (const [name, value] of entries) {
    if (Object.hasOwn(fields, name) || Array.isArray(value))
      throw new AppError('invalid_request', `${name} is given more than once: give it once.`);
    if (!['string', 'number', 'boolean'].includes(typeof value)) throw new AppError('invalid_request', `${name} must be text.`);
    const text = String(value);
    if (text.includes('\0') || !text.isWellFormed()) throw new AppError('invalid_request', `${name} holds characters that are no text.`);
    Object.defineProperty(fields, name, { value: text, enumerable: true });
  }
  return fields;
}

/** Refuses what is not asked for and names what is missing, all at once. @throws AppError invalid_request */
export function requireFields(fields: Fields, required: readonly string[], optional: readonly string[]): void {
  const known = [...required, ...optional];
  const unknown = Object.keys(fields).filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    const takes = known.length > 0 ? `it takes ${known.join(', ')}` : 'it takes none';
    throw new AppError(
      'invalid_request',
      `Unknown ${unknown.length === 1 ? 'field' : 'fields'} ${unknown.map(shorten).join(', ')}: ${takes}.`,
    );
  }
  const missing = required.filter((name) => !fields[name]?.trim());
  if (missing.length > 0) {
    throw new AppError(
      'invalid_request',
      `Missing ${missing.length === 1 ? 'field' : 'fields'} ${missing.join(', ')}: give each as a form field.`,
    );
  }
}

/** A field that is true or false; undefined where it is absent. @throws AppError invalid_request */
export function readFlag(fields: Fields, name: string): boolean | undefined {
  const text = fields[name];
  if (text === undefined) return undefined;
  if (text === 'true' || text === 'false') return text === 'true';
  throw new AppError('invalid_request', `${name} must be true or false.`);
}

async function readBody(ctx: Koa.Context): Promise<object> {
  const type = ctx.request.is(TYPES);
  if (type === null || ctx.request.length === 0) return {};
  if (type === false) throw new AppError('unsupported_media_type', `Send the fields as one of ${TYPES.join(', ')}.`);
  if ((ctx.request.length ?? 0) > MAX_BYTES) throw tooLarge();
  // The other parsers count what comes; this one does not count files.
  if (type === TYPES[0] && ctx.request.length === undefined) {
    throw new AppError('invalid_request', 'Send a multipart body with its Content-Length.', { status: 411 });
  }
  let file = false;
  const parse = koaBody({
    multipart: true,
    text: false,
    jsonLimit: MAX_BYTES,
    formLimit: MAX_BYTES,
    parsedMethods: [ctx.method as never],
    formidable: {
      maxFieldsSize: MAX_BYTES,
      maxFields: 50,
      onPart: (part, readField) => {
        if (part.originalFilename == null) readField(part);
        else file = true;
      },
    },
  });
  try {
    await parse(ctx as never, async () => {});
  } catch (error) {
    const { status, httpCode } = error as { status?: number; httpCode?: number };
    if (status === 413 || httpCode === 413) throw tooLarge();
    throw new AppError('invalid_request', `The body is not what its Content-Type ${type} says: check it.`, { cause: error });
  }
  if (file) throw new AppError('invalid_request', 'A file is no field: give each field as text.');
  const body: unknown = (ctx.request as { body?: unknown }).body;
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new AppError('invalid_request', 'A JSON body must be an object of fields.');
  }
  return body;
}

function tooLarge(): AppError {
  return new AppError('body_too_large', `The body is larger than ${MAX_BYTES / 1024} KiB: only fields are sent here.`);
}

function shorten(name: string): string {
  return JSON.stringify(name.slice(0, 60));
}
