import { createHash } from 'node:crypto';

/**
 * The text that is hashed together with a record's Id, before it. It differs by job, so that a hash identifies a record only for those who
 * know the job, and not the same record of another org or copy of it.
 */
export function hashPrefix(jobId: string): string {
  return `${jobId} `;
}

/** The hash that stands for a record where its Id must not be kept: SHA-256, in hexadecimal. @param id 18 characters */
export function recordHash(jobId: string, id: string): string {
  return createHash('sha256')
    .update(`${hashPrefix(jobId)}${id}`)
    .digest('hex');
}
