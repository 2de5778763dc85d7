import type Koa from 'koa';
import { koaBody } from 'koa-body';
import type * as z from 'zod';
import { AppError } from '../errors.ts';

/** A request's fields by name, as text. */
type Fields = Record<string, string>;

const JSON_TYPE = 'application/json';
const TYPES = ['multipart/form-data', 'application/x-www-form-urlencoded', JSON_TYPE];
const MAX_BYTES = 64 * 1024;

/** Reads a request's fields from its query and its body (multipart, urlencoded or JSON, up to `maxBytes`). Rejects files without writing them anywhere. */
export async function readFields(ctx: Koa.Context, maxBytes = MAX_BYTES): Promise<Fields> {
  const body = await readBody(ctx, maxBytes);
  const entries = [...Object.entries(ctx.query), ...Object.entries(body)];
  const fields: Fields = {};
  for (const [name, value] of entries) {
    if (Object.hasOwn(fields, name) || Array.isArray(value))
      throw new AppError('invalid_request', `${name} is given more than once. Send it once.`);
    if (!['string', 'number', 'boolean'].includes(typeof value))
      throw new AppError('invalid_request', `${name} must be a string, number or boolean.`);
    const text = String(value);
    if (text.includes('\0') || !text.isWellFormed()) throw new AppError('invalid_request', `${name} contains invalid characters.`);
    Object.defineProperty(fields, name, { value: text, enumerable: true });
  }
  return fields;
}

/**
 * Returns a reader of an endpoint's fields: it rejects unknown ones, then missing ones, naming all of them, then invalid values. Those of the
 * path are known to be there.
 * @param inQuery whether the fields are documented as part of the query, instead of a form
 * @throws AppError invalid_request
 */
export function createValidator<Request extends z.ZodObject>(
  request: Request,
  parameters: readonly string[],
  inQuery = false,
): (fields: Fields, path: Fields) => z.output<Request> {
  const ofBody = Object.entries(request.shape as Record<string, z.ZodType>).filter(([name]) => !parameters.includes(name));
  const needed = ofBody.filter(([, schema]) => schema._zod.optin === undefined);
  const required = needed.map(([name]) => name);
  const values = new Map(needed.flatMap(([name, schema]) => (schema.meta()?.enum ? [[name, schema.meta()!.enum as string[]]] : [])));
  const known = [...required, ...ofBody.map(([name]) => name).filter((name) => !required.includes(name))];
  return (fields, path) => {
    rejectUnknown(fields, known);
    const missing = required.filter((name) => !fields[name]?.trim());
    if (missing.length > 0) throw missingFields(missing, values, inQuery);
    const result = request.safeParse({ ...fields, ...path });
    if (result.success) return result.data;
    const [issue] = result.error.issues;
    const message = issue!.code === 'custom' ? issue!.message : `${issue!.path.join('.')} is not valid. ${issue!.message}.`;
    throw new AppError('invalid_request', message);
  };
}

function rejectUnknown(fields: Fields, known: readonly string[]): void {
  const unknown = Object.keys(fields).filter((name) => !known.includes(name));
  if (unknown.length === 0) return;
  const advice = known.length > 0 ? `Use ${known.join(', ')}` : 'This endpoint has no fields';
  throw new AppError(
    'invalid_request',
    `Unknown ${unknown.length === 1 ? 'field' : 'fields'} ${unknown.map(shorten).join(', ')}. ${advice}.`,
  );
}

/** @param values those that a field may have, if they are few */
function missingFields(missing: readonly string[], values: ReadonlyMap<string, readonly string[]>, inQuery: boolean): AppError {
  const or = new Intl.ListFormat('en', { type: 'disjunction' });
  const named = missing.map((name) => (values.has(name) ? `${name} (${or.format(values.get(name)!)})` : name)).join(', ');
  const advice = `Send ${missing.length === 1 ? 'it' : 'each'} ${inQuery ? 'in the query' : 'as a form field'}.`;
  return new AppError('invalid_request', `Missing ${missing.length === 1 ? 'field' : 'fields'} ${named}. ${advice}`);
}

async function readBody(ctx: Koa.Context, maxBytes: number): Promise<object> {
  const type = ctx.request.is(TYPES);
  if (type === null || ctx.request.length === 0) return {};
  if (type === false) throw new AppError('unsupported_media_type', `Unsupported Content-Type. Send the fields as ${TYPES.join(', ')}.`);
  if ((ctx.request.length ?? 0) > maxBytes) throw tooLarge(maxBytes);
  // Unlike the other parsers, the multipart parser does not limit files.
  if (type === TYPES[0] && ctx.request.length === undefined) {
    throw new AppError('invalid_request', 'Missing Content-Length. Send it with a multipart body.', { status: 411 });
  }
  let file = false;
  const parse = koaBody({
    multipart: true,
    text: false,
    jsonLimit: maxBytes,
    formLimit: maxBytes,
    parsedMethods: [ctx.method as never],
    formidable: {
      maxFieldsSize: maxBytes,
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
    if (status === 413 || httpCode === 413) throw tooLarge(maxBytes);
    throw new AppError('invalid_request', `The body is not valid ${type}. Check the body and its Content-Type.`, { cause: error });
  }
  if (file) throw new AppError('invalid_request', 'Files are not accepted. Send each field as text.');
  const body: unknown = (ctx.request as { body?: unknown }).body;
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new AppError('invalid_request', 'A JSON body must be an object.');
  }
  const list = type === JSON_TYPE && Object.entries(body).find(([, value]) => Array.isArray(value));
  if (list) throw new AppError('invalid_request', `${shorten(list[0])} must be text, not an array. Separate several values by commas.`);
  return body;
}

function tooLarge(maxBytes: number): AppError {
  return new AppError('body_too_large', `The body is larger than ${maxBytes / 1024} KiB. Send only the fields of this endpoint.`);
}

function shorten(name: string): string {
  return JSON.stringify(name.slice(0, 60));
}
