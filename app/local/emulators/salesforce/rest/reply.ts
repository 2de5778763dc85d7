import type { IncomingMessage } from 'node:http';
import type { Context } from 'koa';

const MAX_BODY_BYTES = 4 * 1024 * 1024;

/** Sends JSON with Salesforce's content type. */
export function replyJson(context: Context, value: unknown, status = 200): void {
  context.status = status;
  context.set('Content-Type', 'application/json;charset=UTF-8');
  if (status === 200) context.set('Vary', 'Accept-Encoding');
  context.body = typeof value === 'string' ? value : JSON.stringify(value);
}

/** A request's body as text. Throws if it is too large. */
export async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new Error('The body is too large.');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The value of a query parameter; the last one if it is repeated. */
export function queryParameter(context: Context, name: string): string | undefined {
  const value = context.query[name];
  return Array.isArray(value) ? value.at(-1) : value;
}
