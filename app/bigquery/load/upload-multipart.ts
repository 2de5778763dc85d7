import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { sum } from '../../core/sum.ts';
import { AppError } from '../../errors.ts';
import type { Job } from '../resources.ts';
import type { Warehouse } from '../warehouse.ts';
import { backOff, discardBody, readErrorResponse, sendUploadRequest } from './upload-request.ts';

/** Buffered so that it can be sent again. Pages aim at a quarter of this size, but rows vary. */
const MAX_BYTES = 64 * 1024 * 1024;

/**
 * Google's multipart upload: job and content in one POST of known length. It cannot be resumed, but sending it again under the same id
 * creates the job only once.
 * @returns created, or exists: a job with this id already existed
 * @throws AppError bigquery_unavailable if the upload failed; errors of the source are rethrown
 */
export async function uploadMultipart(warehouse: Warehouse, job: Job, content: AsyncIterable<Buffer>): Promise<'created' | 'exists'> {
  const boundary = randomUUID();
  const parts = await multipart(boundary, job, content);
  const headers = {
    'content-type': `multipart/related; boundary=${boundary}`,
    'content-length': String(sum(parts.map((part) => part.length))),
  };
  for (let failures = 1; ; failures++) {
    try {
      const url = `${warehouse.uploadUrl}?uploadType=multipart`;
      const response = await sendUploadRequest(warehouse, url, { method: 'POST', headers, body: Readable.from(parts) });
      if (response.statusCode === 200) return await discardBody(response, 'created');
      if (response.statusCode === 409) return await discardBody(response, 'exists');
      throw await readErrorResponse(response);
    } catch (error) {
      await backOff(warehouse, failures, error);
    }
  }
}

/** Two parts: the job, then its bytes. */
async function multipart(boundary: string, job: Job, content: AsyncIterable<Buffer>): Promise<Buffer[]> {
  const head = (type: string): string => `--${boundary}\r\nContent-Type: ${type}\r\n\r\n`;
  return [
    Buffer.from(`${head('application/json; charset=UTF-8')}${JSON.stringify(job)}\r\n${head('application/octet-stream')}`),
    ...(await readWhole(content)),
    Buffer.from(`\r\n--${boundary}--\r\n`),
  ];
}

async function readWhole(content: AsyncIterable<Buffer>): Promise<Buffer[]> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of content) {
    parts.push(part);
    length += part.length;
    if (length > MAX_BYTES) {
      throw new AppError('bigquery_refused', 'A page is too large to upload in one request. Unset BIGQUERY_UPLOAD.');
    }
  }
  return parts;
}
