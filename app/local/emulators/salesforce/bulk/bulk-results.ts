import { pipeline, Readable, Transform } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { createGzip } from 'node:zlib';
import type { Context } from 'koa';
import { bearerToken } from '../oauth/identity.ts';
import { invalidSessionError } from '../oauth/session.ts';
import type { Parts } from '../parts.ts';
import { acceptsGzip } from '../rest/compressed-json.ts';
import { queryParameter, replyJson } from '../rest/reply.ts';
import { SalesforceError } from '../rest/salesforce-error.ts';
import type { BulkJob } from './bulk-jobs.ts';
import { bulkPage, bulkPageText } from './bulk-page.ts';

const RESULT_PAGES_AT_ONCE = 5;
const SOME_BYTES = 100;
const EVERY_MS = 50;

/** Sends one page of a complete job as CSV: streamed, compressed only on request, without Content-Length. */
export function replyResults(context: Context, { faults, grants }: Parts, job: BulkJob): void {
  checkReadable(context, job);
  const occasion = { method: context.method, url: context.url, object: job.query.table.definition.name };
  if (faults.take('401-mid-download', occasion)) {
    grants.expireSession(bearerToken(context) ?? '');
    throw invalidSessionError();
  }
  const page = bulkPage(job, queryParameter(context, 'locator'), queryParameter(context, 'maxRecords'));
  const miscount = faults.take('wrong-count', occasion);
  if (!faults.take('missing-locator', occasion)) context.set('Sforce-Locator', page.locator);
  context.set('Sforce-NumberOfRecords', String(page.to - page.from + (miscount ? (miscount.by ?? 1) : 0)));
  context.set({ 'Content-Type': 'text/csv', Vary: 'Accept-Encoding' });
  const gzip = acceptsGzip(context.get('Accept-Encoding')) && !faults.take('not-compressed', occasion);
  if (gzip) context.set('Content-Encoding', 'gzip');
  const text = Readable.from(bulkPageText(job, page), { objectMode: false });
  context.body = spoiled(context, gzip ? connect(text, createGzip()) : text);

  function spoiled(on: Context, body: Readable): Readable {
    const slow = faults.take('slow-page', occasion);
    if (slow) return connect(body, dripping(slow.afterBytes ?? SOME_BYTES, slow.everyMs ?? EVERY_MS));
    const cut = faults.take('cut-page', occasion);
    const stall = cut ? undefined : faults.take('stall-page', occasion);
    const breakDown = (): void => {
      if (cut) on.req.socket.destroy();
    };
    const fault = cut ?? stall;
    return fault ? connect(body, brokenAfter(fault.afterBytes ?? SOME_BYTES, breakDown)) : body;
  }
}

/** Up to five URLs of result pages, so that clients can download them in parallel. */
export function replyResultPages(context: Context, job: BulkJob): void {
  checkReadable(context, job);
  const base = `/services/data/v${job.apiVersion}/jobs/query/${job.id}`;
  const maxRecords = queryParameter(context, 'maxRecords');
  const resultPages: { resultUrl: string }[] = [];
  let locator: string | undefined = queryParameter(context, 'locator');
  while (locator !== 'null' && resultPages.length < RESULT_PAGES_AT_ONCE) {
    resultPages.push({ resultUrl: `${base}/results${asQuery(locator, maxRecords)}` });
    locator = bulkPage(job, locator, maxRecords).locator;
  }
  const done = locator === 'null';
  replyJson(context, { resultPages, ...(done ? {} : { nextRecordsUrl: `${base}/resultpages${asQuery(locator, maxRecords)}` }), done });
}

function asQuery(locator: string | undefined, maxRecords: string | undefined): string {
  const parameters = new URLSearchParams({
    ...(locator === undefined ? {} : { locator }),
    ...(maxRecords === undefined ? {} : { maxRecords }),
  });
  return parameters.size === 0 ? '' : `?${parameters}`;
}

function checkReadable(context: Context, job: BulkJob): void {
  if (context.state.version !== job.apiVersion) {
    throw new SalesforceError(
      409,
      'API_ERROR',
      `The job was created with API version ${job.apiVersion}; its results cannot be read with ${context.state.version}.`,
      true,
    );
  }
  if (job.state !== 'JobComplete') {
    throw new SalesforceError(400, 'INVALIDJOBSTATE', `Results are available when the job is complete; its state is ${job.state}.`, true);
  }
}

function connect<T extends Transform>(source: Readable, target: T): T {
  // A client that disconnects is not an error: the page can be read again.
  return pipeline(source, target, () => undefined) as T;
}

/** Passes this many bytes through, then breaks and never ends. */
function brokenAfter(bytes: number, breakDown: () => void): Transform {
  let left = bytes;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const part = chunk.subarray(0, left);
      left -= part.length;
      if (part.length === chunk.length) return done(null, part);
      this.push(part);
      setImmediate(breakDown);
    },
    flush() {
      setImmediate(breakDown);
    },
  });
}

/** Passes this many bytes through at a time. */
function dripping(bytes: number, everyMs: number): Transform {
  return new Transform({
    async transform(chunk: Buffer, _encoding, done) {
      for (let start = 0; start < chunk.length && !this.destroyed; start += bytes) {
        this.push(chunk.subarray(start, start + bytes));
        await setTimeout(everyMs, undefined, { ref: false });
      }
      done();
    },
  });
}
