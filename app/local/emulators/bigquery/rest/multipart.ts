import { randomUUID } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { ApiError } from './api-error.ts';
import { parseJson } from './http.ts';

const MAX_HEAD_BYTES = 10 * 1024 * 1024;
const BREAK = '\r\n';

/** Reads multipart/related: a JSON part, then bytes, which are streamed to a file. Throws badRequest for anything else. */
export async function readMultipart(
  request: IncomingMessage,
  folder: string,
): Promise<{ metadata: Record<string, unknown>; file: string }> {
  const boundary = /boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(request.headers['content-type'] ?? '');
  const delimiter = `--${boundary?.[1] ?? boundary?.[2] ?? ''}`;
  if (!boundary) throw malformed('Content-Type has no boundary');
  const file = join(folder, `upload-${randomUUID()}`);
  const handle = await open(file, 'w+', 0o600);
  try {
    const metadata = await readParts(request, handle, delimiter);
    await cutEnd(handle, delimiter);
    return { metadata, file };
  } catch (error) {
    await rm(file, { force: true });
    throw error;
  } finally {
    await handle.close();
  }
}

async function readParts(request: IncomingMessage, handle: FileHandle, delimiter: string): Promise<Record<string, unknown>> {
  let head: Buffer | undefined = Buffer.alloc(0);
  let metadata: Record<string, unknown> | undefined;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    if (!head) {
      await handle.write(chunk);
      continue;
    }
    head = Buffer.concat([head, chunk]);
    const found = splitHead(head, delimiter);
    if (!found && head.length > MAX_HEAD_BYTES) throw malformed('The JSON part is too large');
    if (!found) continue;
    metadata = parseJson(found.json);
    await handle.write(found.rest);
    head = undefined;
  }
  if (!metadata) throw malformed('Two parts are needed: JSON, then bytes');
  return metadata;
}

/** The JSON of the first part, and the bytes after the second part's headers. */
function splitHead(head: Buffer, delimiter: string): { json: string; rest: Buffer } | undefined {
  const first = head.indexOf(delimiter);
  const jsonStart = head.indexOf(BREAK + BREAK, first);
  const second = jsonStart < 0 ? -1 : head.indexOf(BREAK + delimiter, jsonStart);
  const bytesStart = second < 0 ? -1 : head.indexOf(BREAK + BREAK, second);
  if (first < 0 || bytesStart < 0) return undefined;
  return { json: head.toString('utf8', jsonStart + 4, second), rest: head.subarray(bytesStart + 4) };
}

/** Removes the closing delimiter from the end of the file. */
async function cutEnd(handle: FileHandle, delimiter: string): Promise<void> {
  const closing = `${BREAK}${delimiter}--`;
  const { size } = await handle.stat();
  const length = Math.min(size, closing.length + 4);
  const { buffer } = await handle.read(Buffer.alloc(length), 0, length, size - length);
  const at = buffer.lastIndexOf(closing);
  if (at < 0) throw malformed('The closing boundary is missing');
  await handle.truncate(size - length + at);
}

const malformed = (why: string) => new ApiError('badRequest', `Malformed multipart body. ${why}.`);
