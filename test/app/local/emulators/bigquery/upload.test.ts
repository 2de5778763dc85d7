import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type BigQueryEmulator, startBigQuery } from '../../../../../app/local/emulators/bigquery/rest/bigquery.ts';
import { clientOf } from '../../../../support/bigquery.ts';
import { addFault, call, finished, loadJob, post, put, rowsOf, startUpload } from './client.ts';

const GRANULE = 256 * 1024;

let emulator: BigQueryEmulator;
beforeAll(async () => {
  emulator = await startBigQuery();
  await clientOf(emulator).createDataset('salesforce');
});
afterAll(() => emulator.close());

/** CSV of a little more than three granules. */
const csv = Buffer.from(Array.from({ length: 900 }, (_, index) => `"${index}","${randomBytes(450).toString('hex')}"\n`).join(''));
const columns = ['Id', 'Text'];
const granules = (from: number, to: number) => csv.subarray(from * GRANULE, to * GRANULE);
const jobUrl = (jobId: string) => `${emulator.url}/bigquery/v2/projects/local/jobs/${jobId}?location=EU`;

describe('a resumable upload', () => {
  test('accepts chunks of unknown total, reports its progress, and creates the job at the end', async () => {
    const job = loadJob({ table: 'chunked', columns });
    const session = await startUpload(emulator, job);
    expect((await put(session, 'bytes */*')).headers.range).toBeUndefined();
    const first = await put(session, `bytes 0-${GRANULE - 1}/*`, granules(0, 1));
    expect([first.status, first.headers.range]).toEqual([308, `bytes=0-${GRANULE - 1}`]);
    await put(session, `bytes ${GRANULE}-${3 * GRANULE - 1}/*`, granules(1, 3));
    expect((await put(session, 'bytes */*')).headers.range).toBe(`bytes=0-${3 * GRANULE - 1}`);
    expect((await call(jobUrl(job.jobReference.jobId))).status).toBe(404);
    const last = await put(session, `bytes ${3 * GRANULE}-${csv.length - 1}/${csv.length}`, csv.subarray(3 * GRANULE));
    expect([last.status, last.body.jobReference]).toEqual([200, job.jobReference]);
    const done = await finished(emulator, job.jobReference.jobId);
    expect(done.statistics.load).toMatchObject({ outputRows: '900', badRecords: '0', inputFiles: '1', inputFileBytes: String(csv.length) });
    expect(done.configuration).toMatchObject({ labels: { run: 'r1' }, jobType: 'LOAD' });
    const probe = await put(session, 'bytes */*');
    expect([probe.status, probe.body.id]).toEqual([200, `local:EU.${job.jobReference.jobId}`]);
  });

  test('ends with an empty request that has the total, or in one request without Content-Range', async () => {
    const job = loadJob({ table: 'empty_finish', columns });
    const session = await startUpload(emulator, job);
    const granule = Buffer.concat([csv.subarray(0, csv.lastIndexOf('\n', GRANULE - 10)), Buffer.alloc(GRANULE, '\n')]).subarray(0, GRANULE);
    await put(session, `bytes 0-${GRANULE - 1}/*`, granule);
    expect((await put(session, `bytes */${GRANULE + 5}`)).status).toBe(308);
    const wrong = await put(session, `bytes */${GRANULE}`);
    expect([wrong.status, wrong.body.error.errors[0].reason]).toEqual([400, 'badRequest']);
    const other = loadJob({ table: 'one_request', columns: ['Id'] });
    const answer = await call(await startUpload(emulator, other), { method: 'PUT', body: '"x"\n' });
    expect(answer.status).toBe(200);
    expect((await finished(emulator, other.jobReference.jobId)).statistics.load.outputRows).toBe('1');
  });

  test('without any bytes creates a job that loads no rows', async () => {
    const job = loadJob({ table: 'nothing', columns });
    expect((await put(await startUpload(emulator, job), 'bytes */0')).status).toBe(200);
    expect((await finished(emulator, job.jobReference.jobId)).statistics.load.outputRows).toBe('0');
  });

  test.each([
    ['a chunk that is not a multiple of 256 KiB', `bytes 0-999/*`, 1000, '262144'],
    ['a chunk that leaves a gap', `bytes ${GRANULE}-${2 * GRANULE - 1}/*`, GRANULE, 'exceeds already uploaded size of 0'],
    ['a range of another length than the body', 'bytes 0-999/*', GRANULE, 'does not fit'],
    ['a malformed Content-Range', 'bits 0-1/2', 2, 'Failed to parse Content-Range header'],
  ])('refuses %s', async (_, range, length, message) => {
    const session = await startUpload(emulator, loadJob({ table: 'refused', columns }));
    const { status, body } = await put(session, range, Buffer.alloc(length));
    expect([status, body.error.message]).toEqual([400, expect.stringContaining(message)]);
  });

  test('skips bytes that are sent again', async () => {
    const job = loadJob({ table: 'again', columns });
    const session = await startUpload(emulator, job);
    await put(session, `bytes 0-${GRANULE - 1}/*`, granules(0, 1));
    await put(session, `bytes 0-${2 * GRANULE - 1}/*`, granules(0, 2));
    await put(session, `bytes ${2 * GRANULE}-${csv.length - 1}/${csv.length}`, csv.subarray(2 * GRANULE));
    expect((await finished(emulator, job.jobReference.jobId)).statistics.load.outputRows).toBe('900');
  });

  test('returns 404 for an unknown session', async () => {
    const { status, body } = await put(
      `${emulator.url}/upload/bigquery/v2/projects/local/jobs?uploadType=resumable&upload_id=x`,
      'bytes */*',
    );
    expect([status, body.error.status]).toEqual([404, 'NOT_FOUND']);
  });

  test('returns 409 at its end for a job id that was used, even by a failed job', async () => {
    const job = loadJob({ table: 'twice', columns, jobId: 'used_id' });
    await put(await startUpload(emulator, job), 'bytes 0-2/3', Buffer.from('"x\n'));
    expect((await finished(emulator, 'used_id')).status.errorResult.reason).toBe('invalid');
    const session = await startUpload(emulator, job);
    for (const range of ['bytes 0-7/8', 'bytes */*']) {
      const { status, body } = await put(session, range, range.endsWith('*') ? undefined : Buffer.from('"x","y"\n'));
      expect([status, body.error.errors[0].reason, body.error.message]).toEqual([409, 'duplicate', 'Already Exists: Job local:EU.used_id']);
    }
  });
});

describe('an upload session', () => {
  test('expires after a week', async () => {
    const aged = await startBigQuery();
    const session = await startUpload(aged, loadJob({ table: 'old', columns }));
    const move = (days: number) =>
      call(`${aged.url}/emulator/clock`, {
        method: 'PUT',
        body: JSON.stringify({ now: new Date(Date.now() + days * 86_400_000).toISOString() }),
      });
    await move(6);
    expect((await put(session, 'bytes */*')).status).toBe(308);
    await move(8);
    expect((await put(session, 'bytes */*')).status).toBe(404);
    await aged.close();
  });

  test('does not survive a restart, and creates no job', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'bigquery-emulator-test-'));
    const dataFile = join(folder, 'warehouse.duckdb');
    const first = await startBigQuery({ dataFile });
    await clientOf(first).createDataset('salesforce');
    const job = loadJob({ table: 'interrupted', columns });
    const session = await startUpload(first, job);
    await put(session, `bytes 0-${GRANULE - 1}/*`, granules(0, 1));
    await first.close();
    const second = await startBigQuery({ dataFile });
    const moved = session.replace(first.url, second.url);
    expect((await put(moved, 'bytes */*')).status).toBe(404);
    expect((await put(moved, `bytes ${GRANULE}-${csv.length - 1}/${csv.length}`, csv.subarray(GRANULE))).status).toBe(404);
    expect((await finished(second, job.jobReference.jobId)).error.code).toBe(404);
    expect(await clientOf(second).dataset('salesforce').table('interrupted').exists()).toEqual([false]);
    await second.close();
    await rm(folder, { recursive: true });
  });
});

describe('faults of an upload', () => {
  test('a dropped connection keeps whole granules, which a probe reports', async () => {
    const job = loadJob({ table: 'cut', columns });
    const session = await startUpload(emulator, job);
    await addFault(emulator, { kind: 'upload-cut', match: job.jobReference.jobId, keep: GRANULE + 1000 });
    await expect(put(session, `bytes 0-${3 * GRANULE - 1}/*`, granules(0, 3))).rejects.toThrow();
    expect((await put(session, 'bytes */*')).headers.range).toBe(`bytes=0-${GRANULE - 1}`);
    await put(session, `bytes ${GRANULE}-${csv.length - 1}/${csv.length}`, csv.subarray(GRANULE));
    expect((await finished(emulator, job.jobReference.jobId)).statistics.load.outputRows).toBe('900');
  });

  test('a chunk is stored in part', async () => {
    const session = await startUpload(emulator, loadJob({ table: 'partial', columns }));
    await addFault(emulator, { kind: 'partial-chunk', keep: GRANULE });
    const { status, headers } = await put(session, `bytes 0-${2 * GRANULE - 1}/*`, granules(0, 2));
    expect([status, headers.range]).toEqual([308, `bytes=0-${GRANULE - 1}`]);
  });

  test('the final response is lost after the job was created', async () => {
    const job = loadJob({ table: 'lost', columns });
    const session = await startUpload(emulator, job);
    await addFault(emulator, { kind: 'lost-final-answer' });
    await expect(put(session, `bytes 0-${csv.length - 1}/${csv.length}`, csv)).rejects.toThrow();
    expect((await put(session, 'bytes */*')).status).toBe(200);
    expect((await finished(emulator, job.jobReference.jobId)).statistics.load.outputRows).toBe('900');
  });

  test('a session expires', async () => {
    const session = await startUpload(emulator, loadJob({ table: 'expired', columns }));
    await addFault(emulator, { kind: 'session-expired' });
    expect((await put(session, 'bytes */*')).status).toBe(404);
    expect((await put(session, 'bytes */*')).status).toBe(404);
  });

  test('a server error has no effect on the upload', async () => {
    const session = await startUpload(emulator, loadJob({ table: 'error', columns }));
    await addFault(emulator, { kind: 'http', match: 'PUT /upload', status: 502 });
    const { status, body } = await put(session, `bytes 0-${GRANULE - 1}/*`, granules(0, 1));
    expect([status, body.error.code, body.error.errors[0].reason]).toEqual([502, 502, 'backendError']);
    expect((await put(session, 'bytes */*')).headers.range).toBeUndefined();
  });
});

describe('a multipart upload', () => {
  test("from Google's client loads a file, gzip or not", async () => {
    const dataset = clientOf(emulator).dataset('salesforce');
    const [table] = await dataset.createTable('multipart', { schema: 'Id,Text' });
    for (const bytes of [csv, gzipSync(csv)]) {
      const stream = table.createWriteStream({ sourceFormat: 'CSV' });
      const loaded = new Promise((done, fail) => stream.on('complete', done).on('error', fail));
      stream.end(bytes);
      await loaded;
    }
    expect(await rowsOf(emulator, 'SELECT COUNT(*), COUNT(DISTINCT Id) FROM salesforce.multipart')).toEqual([['1800', '900']]);
  });

  test('without its closing boundary is refused', async () => {
    const url = `${emulator.url}/upload/bigquery/v2/projects/local/jobs?uploadType=multipart`;
    const headers = { 'content-type': 'multipart/related; boundary=b' };
    const head = '--b\r\nContent-Type: application/json\r\n\r\n{}\r\n--b\r\nContent-Type: application/octet-stream\r\n\r\n';
    expect((await call(url, { method: 'POST', headers, body: `${head}"x"` })).body.error.message).toContain('closing boundary');
  });
});

test('refuses uploadType=media and an unknown project', async () => {
  expect((await post(`${emulator.url}/upload/bigquery/v2/projects/local/jobs?uploadType=media`, {})).status).toBe(400);
  expect((await post(`${emulator.url}/upload/bigquery/v2/projects/other/jobs?uploadType=resumable`, {})).status).toBe(404);
});
