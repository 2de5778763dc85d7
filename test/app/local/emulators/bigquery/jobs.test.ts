import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BigQuery } from '@google-cloud/bigquery';
import { describe, expect, test } from '@jest/globals';
import { PassThroughClient } from 'google-auth-library';
import { FAULT_KINDS } from '../../../../../app/local/emulators/bigquery/faults.ts';
import { startBigQuery } from '../../../../../app/local/emulators/bigquery/rest/bigquery.ts';
import { bigQueryWith, clientOf } from '../../../../support/bigquery.ts';
import { addFault, call, finished, loadText, post, rowsOf } from './client.ts';

const { emulator, client } = await bigQueryWith('salesforce');

const jobsUrl = () => `${emulator.url}/bigquery/v2/projects/local/jobs`;
const insert = (query: string, jobId: string, more: object = {}, location?: string) =>
  post(jobsUrl(), {
    jobReference: { jobId, ...(location ? { location } : {}) },
    configuration: { query: { query, useLegacySql: false }, ...more },
  });

describe('a query job', () => {
  test('is accepted at once, runs, and reports its statistics', async () => {
    await client.dataset('salesforce').createTable('counted', { schema: 'a:INTEGER' });
    const { body } = await insert('INSERT INTO salesforce.counted VALUES (1), (2)', 'insert_two', { labels: { run: 'r' } });
    expect(body).toMatchObject({ kind: 'bigquery#job', jobReference: { projectId: 'local', jobId: 'insert_two', location: 'EU' } });
    const done = await finished(emulator, 'insert_two');
    expect(done.status).toEqual({ state: 'DONE' });
    expect(done.configuration).toMatchObject({ jobType: 'QUERY', labels: { run: 'r' } });
    expect(done.statistics.query).toMatchObject({
      statementType: 'INSERT',
      numDmlAffectedRows: '2',
      dmlStats: { insertedRowCount: '2', updatedRowCount: '0', deletedRowCount: '0' },
    });
  });

  test('keeps its id forever, even if it failed', async () => {
    await insert('SELECT nope', 'failed');
    expect((await finished(emulator, 'failed')).status).toMatchObject({
      state: 'DONE',
      errorResult: { reason: 'invalidQuery', location: 'query', message: 'Unrecognized name: nope at [1:8]' },
      errors: [{ reason: 'invalidQuery' }],
    });
    const again = await insert('SELECT 1', 'failed');
    expect([again.status, again.body.error]).toEqual([
      409,
      expect.objectContaining({
        message: 'Already Exists: Job local:EU.failed',
        errors: [expect.objectContaining({ reason: 'duplicate' })],
        status: 'ALREADY_EXISTS',
      }),
    ]);
    expect((await insert('SELECT 1', 'failed', {}, 'US')).status).toBe(200);
  });

  test('runs once for concurrent requests with the same id', async () => {
    await client.dataset('salesforce').createTable('once', { schema: 'a:INTEGER' });
    const answers = await Promise.all(Array.from({ length: 6 }, () => insert('INSERT INTO salesforce.once VALUES (1)', 'once')));
    expect(answers.map((answer) => answer.status).sort()).toEqual([200, 409, 409, 409, 409, 409]);
    await finished(emulator, 'once');
    expect(await rowsOf(emulator, 'SELECT COUNT(*) FROM salesforce.once')).toEqual([['1']]);
  });

  test('returns its rows in pages, with types and nulls', async () => {
    const [job] = await client.createQueryJob({
      query: 'SELECT n, IF(n = 2, NULL, n / 2) AS half FROM UNNEST([1, 2, 3]) AS n ORDER BY n DESC',
    });
    const [first, next] = await job.getQueryResults({ maxResults: 2, autoPaginate: false });
    const [second] = await job.getQueryResults(next!);
    expect([...first, ...second]).toEqual([
      { n: 3, half: 1.5 },
      { n: 2, half: null },
      { n: 1, half: 0.5 },
    ]);
  });

  test('in a dry run changes nothing and reports the bytes it would process', async () => {
    await rowsOf(emulator, "CREATE TABLE salesforce.dry AS SELECT 'abc' AS a, 1 AS b");
    const [job] = await client.createQueryJob({ query: 'SELECT a FROM salesforce.dry', dryRun: true });
    expect(job.metadata.statistics).toMatchObject({
      totalBytesProcessed: '5',
      query: { schema: { fields: [{ name: 'a', type: 'STRING' }] } },
    });
    await client.createQueryJob({ query: 'DROP TABLE salesforce.dry', dryRun: true });
    expect(await rowsOf(emulator, 'SELECT b FROM salesforce.dry')).toEqual([['1']]);
    await expect(client.createQueryJob({ query: 'SELECT', dryRun: true })).rejects.toMatchObject({ code: 400 });
  });

  test('bills whole columns and the target of a MERGE, and at least 10 MiB per table', async () => {
    await rowsOf(emulator, "CREATE TABLE salesforce.billed AS SELECT 'abc' AS a, 1 AS b");
    const statistics = async (query: string) => {
      const [job] = await client.createQueryJob({ query });
      await job.getQueryResults();
      return (await job.getMetadata())[0].statistics.query;
    };
    expect(await statistics('SELECT a FROM salesforce.billed')).toMatchObject({
      totalBytesProcessed: '5',
      totalBytesBilled: String(10 * 2 ** 20),
    });
    const merge = 'MERGE salesforce.billed t USING (SELECT 1 AS b) s ON t.b = s.b WHEN MATCHED THEN UPDATE SET a = NULL';
    expect(await statistics(merge)).toMatchObject({ totalBytesProcessed: String(8 + 13) });
    expect(await statistics('SELECT 1')).toMatchObject({ totalBytesBilled: '0' });
    await expect(client.query({ query: 'SELECT b FROM salesforce.billed', maximumBytesBilled: '1000' })).rejects.toMatchObject({
      errors: [{ reason: 'bytesBilledLimitExceeded' }],
    });
    const [refused] = await client.createQueryJob({ query: 'SELECT b FROM salesforce.billed', maximumBytesBilled: '1000' });
    await refused.getQueryResults().catch(() => undefined);
    expect((await refused.getMetadata())[0]).toMatchObject({
      status: { errorResult: { reason: 'bytesBilledLimitExceeded' } },
      statistics: { query: { totalBytesBilled: '0' } },
    });
  });

  test('accepts named parameters', async () => {
    const params = { text: "it's", count: 2, ids: ['a', 'b'] };
    const [rows] = await client.query({
      query: "SELECT @text AS t, @count + 1 AS n, 'a' IN UNNEST(@ids) AS found, 'z' IN UNNEST(@ids) AS lost",
      params,
    });
    expect(rows).toEqual([{ t: "it's", n: 3, found: true, lost: false }]);
    await expect(client.query('SELECT @none')).rejects.toThrow("Query parameter 'none' not found");
  });

  test('runs once for two requests with the same requestId', async () => {
    await client.dataset('salesforce').createTable('requested', { schema: 'a:INTEGER' });
    const ask = () => rowsOf(emulator, 'INSERT INTO salesforce.requested VALUES (1)', { requestId: 'r1' });
    await ask();
    await ask();
    expect(await rowsOf(emulator, 'SELECT COUNT(*) FROM salesforce.requested')).toEqual([['1']]);
  });

  test('stops after jobTimeoutMs', async () => {
    await addFault(emulator, { kind: 'job-stuck', match: 'timed' });
    await insert('SELECT 1', 'timed', { jobTimeoutMs: '20' });
    expect((await finished(emulator, 'timed')).status.errorResult).toMatchObject({ reason: 'stopped' });
  });

  test('can be cancelled, unless it has already finished', async () => {
    await insert('SELECT SUM(a * b * c) FROM UNNEST([1, 2]) a, UNNEST([1, 2]) b, UNNEST([1, 2]) c', 'cancelled');
    expect((await post(`${jobsUrl()}/cancel_none/cancel?location=EU`, {})).status).toBe(404);
    expect((await post(`${jobsUrl()}/cancelled/cancel?location=EU`, {})).body.kind).toBe('bigquery#jobCancelResponse');
    const { status } = await finished(emulator, 'cancelled');
    expect([undefined, 'stopped']).toContain(status.errorResult?.reason);
  });

  test('is refused if it is legacy SQL, a script or empty', async () => {
    expect((await post(jobsUrl(), { configuration: { query: { query: 'SELECT 1' } } })).body.error.message).toContain('legacy SQL');
    expect((await post(jobsUrl(), { configuration: {} })).status).toBe(400);
    await expect(rowsOf(emulator, 'SELECT 1; SELECT 2')).rejects.toThrow('scripts of several statements');
  });
});

describe('the location of a job', () => {
  test('is that of the datasets it names; in another location they are not found', async () => {
    await client.createDataset('american', { location: 'US' });
    await client.dataset('american').createTable('t', { schema: 'a' });
    const [job] = await client.createQueryJob('SELECT * FROM american.t');
    expect(job.metadata.jobReference.location).toBe('US');
    await insert('SELECT * FROM american.t', 'elsewhere', {}, 'EU');
    expect((await finished(emulator, 'elsewhere')).status.errorResult).toMatchObject({
      reason: 'notFound',
      message: 'Not found: Dataset local:american was not found in location EU',
    });
    expect((await call(`${jobsUrl()}/elsewhere?location=US`)).status).toBe(404);
    const loaded = await loadText(emulator, { table: 'x', columns: ['a'], location: 'US' }, 'x\n');
    expect(loaded.status.errorResult.message).toBe('Not found: Dataset local:salesforce was not found in location US');
  });

  test('is required outside the multi-regions', async () => {
    await insert('SELECT 1', 'frankfurt', {}, 'europe-west3');
    expect((await call(`${jobsUrl()}/frankfurt`)).status).toBe(404);
    expect((await call(`${jobsUrl()}/frankfurt?location=europe-west3`)).status).toBe(200);
  });
});

describe('faults of jobs', () => {
  test('a job fails with the given reason and changes nothing; a new id then succeeds', async () => {
    await addFault(emulator, { kind: 'job-failed', match: 'try_1', reason: 'jobBackendError' });
    const first = await loadText(emulator, { table: 'retried', columns: ['a'], jobId: 'try_1' }, 'x\n');
    expect(first.status.errorResult.reason).toBe('jobBackendError');
    await loadText(emulator, { table: 'retried', columns: ['a'], jobId: 'try_2' }, 'x\n');
    expect(await rowsOf(emulator, 'SELECT COUNT(*) FROM salesforce.retried')).toEqual([['1']]);
  });

  test.each([
    ['rateLimitExceeded', 403, 'too many table update operations for this table'],
    ['jobRateLimitExceeded', 400, 'too many table update operations for this table'],
    ['quotaExceeded', 403, 'Your table exceeded quota for imports'],
    ['jobInternalError', 400, 'Retrying the job may solve the problem'],
    ['invalidQuery', 400, 'Could not serialize access'],
    ['resourcesExceeded', 400, 'Too many DML statements outstanding'],
  ])('a job fails with %s, its results return HTTP %i, and a new id succeeds', async (reason, code, message) => {
    const table = `retried_${reason}`;
    await client.dataset('salesforce').createTable(table, { schema: 'a:INTEGER' });
    await addFault(emulator, { kind: 'job-failed', match: `${table}_1`, reason });
    const work = async (jobId: string) => {
      const [job] = await client.createQueryJob({ query: `INSERT INTO salesforce.${table} VALUES (1)`, jobId, location: 'EU' });
      return job.getQueryResults();
    };
    await expect(work(`${table}_1`)).rejects.toMatchObject({ errors: [{ reason }], message: expect.stringContaining(message) });
    const results = await call(`${emulator.url}/bigquery/v2/projects/local/queries/${table}_1?location=EU`);
    expect([results.status, results.body.error.errors[0].reason]).toEqual([code, reason]);
    await expect(work(`${table}_1`)).rejects.toMatchObject({ code: 409, errors: [{ reason: 'duplicate' }] });
    await work(`${table}_2`);
    expect(await rowsOf(emulator, `SELECT COUNT(*) FROM salesforce.${table}`)).toEqual([['1']]);
  });

  test('a job has already failed in the response to its insertion', async () => {
    await addFault(emulator, { kind: 'job-failed', reason: 'jobBackendError', atOnce: true });
    const { status, body } = await insert('SELECT 1', 'failed_at_once');
    expect([status, body.status]).toMatchObject([200, { state: 'DONE', errorResult: { reason: 'jobBackendError' } }]);
  });

  test('a job succeeds with a non-fatal error among its details', async () => {
    await addFault(emulator, { kind: 'job-warning', match: 'warned' });
    await insert('SELECT 1', 'warned');
    const { status } = await finished(emulator, 'warned');
    expect([status.state, status.errorResult, status.errors]).toEqual([
      'DONE',
      undefined,
      [expect.objectContaining({ reason: 'backendError' })],
    ]);
  });

  test('a job runs until it is cancelled', async () => {
    await addFault(emulator, { kind: 'job-stuck', match: 'stuck' });
    const [job] = await client.createQueryJob({ query: 'SELECT 1', jobId: 'stuck', location: 'EU' });
    const results = `${emulator.url}/bigquery/v2/projects/local/queries/stuck?location=EU&timeoutMs=20`;
    expect((await call(results)).body).toMatchObject({ jobComplete: false });
    await job.cancel();
    expect((await finished(emulator, 'stuck')).status.errorResult).toMatchObject({
      reason: 'stopped',
      message: 'Job execution was cancelled: User requested cancellation',
    });
  });

  test('a job runs until it is cancelled, past its own time limit', async () => {
    await addFault(emulator, { kind: 'job-overruns', match: 'overrun' });
    const [job] = await client.createQueryJob({ query: 'SELECT 1', jobId: 'overrun', location: 'EU', jobTimeoutMs: 1 });
    const results = `${emulator.url}/bigquery/v2/projects/local/queries/overrun?location=EU&timeoutMs=20`;
    expect((await call(results)).body).toMatchObject({ jobComplete: false });
    await job.cancel();
    expect((await finished(emulator, 'overrun')).status.errorResult).toMatchObject({ reason: 'stopped' });
  });

  test('a job becomes visible late', async () => {
    await insert('SELECT 1', 'late');
    await addFault(emulator, { kind: 'slow-visible', match: 'late', times: 2 });
    const seen = [];
    for (let look = 0; look < 3; look += 1) seen.push((await call(`${jobsUrl()}/late?location=EU`)).status);
    expect(seen).toEqual([404, 404, 200]);
  });

  test('a response is lost after the request was carried out', async () => {
    await addFault(emulator, { kind: 'lost-answer', match: 'POST /bigquery/v2/projects/local/jobs' });
    await expect(insert('SELECT 1', 'lost_response')).rejects.toThrow();
    expect((await insert('SELECT 1', 'lost_response')).status).toBe(409);
  });
});

describe('faults of requests', () => {
  test.each([
    ['rateLimitExceeded', 403, 'too many api requests'],
    ['quotaExceeded', 403, 'Quota exceeded'],
    ['backendError', 503, 'An injected error'],
    ['internalError', 500, 'An injected error'],
    ['accessDenied', 403, 'An injected error'],
  ])('%s is HTTP %i, and the request has no effect', async (reason, code, message) => {
    await addFault(emulator, { kind: 'http', match: 'POST /bigquery/v2/projects/local/jobs', reason });
    const jobId = `refused_${reason}`;
    const refused = await insert('SELECT 1', jobId);
    expect([refused.status, refused.body.error]).toEqual([
      code,
      expect.objectContaining({ code, message: expect.stringContaining(message), errors: [expect.objectContaining({ reason })] }),
    ]);
    expect((await insert('SELECT 1', jobId)).status).toBe(200);
  });

  const listWith = async (fault: object) => {
    await addFault(emulator, { kind: 'http', match: 'GET /bigquery/v2/projects/local/datasets', ...fault });
    const patient = new BigQuery({ projectId: 'local', apiEndpoint: emulator.url, authClient: new PassThroughClient() as never });
    return (await patient.getDatasets())[0].length;
  };

  test.each([{ status: 429, reason: 'rateLimitExceeded' }, { reason: 'backendError' }])("Google's client retries after %j", async (fault) =>
    expect(await listWith(fault)).toBeGreaterThan(0),
  );

  test("Google's client retries by status only, so 403 rateLimitExceeded fails at once", async () => {
    await expect(listWith({ reason: 'rateLimitExceeded' })).rejects.toMatchObject({ code: 403, errors: [{ reason: 'rateLimitExceeded' }] });
  });

  test('a request never gets a response', async () => {
    await addFault(emulator, { kind: 'stall', match: '/datasets/salesforce' });
    const url = `${emulator.url}/bigquery/v2/projects/local/datasets/salesforce`;
    await expect(call(url, { headersTimeout: 100 })).rejects.toMatchObject({ code: 'UND_ERR_HEADERS_TIMEOUT' });
    expect((await call(url)).status).toBe(200);
  });

  test('the README documents every kind', async () => {
    const readme = await readFile('app/local/emulators/README.md', 'utf8');
    const part = readme.slice(readme.indexOf('## BigQuery'), readme.indexOf('## Postgres'));
    for (const kind of Object.keys(FAULT_KINDS)) expect(part).toContain(`\`${kind}\``);
  });
});

test('datasets, tables, rows, views, jobs and results survive a restart', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'bigquery-emulator-test-'));
  const dataFile = join(folder, 'warehouse.duckdb');
  const first = await startBigQuery({ dataFile });
  await clientOf(first).createDataset('salesforce');
  await loadText(first, { table: 'kept', columns: ['a'], jobId: 'kept_job' }, 'x\n');
  await rowsOf(first, 'CREATE VIEW salesforce.kept_view AS SELECT a FROM salesforce.kept');
  const [query] = await clientOf(first).createQueryJob('SELECT 7 AS seven');
  await query.getQueryResults();
  await first.close();
  const second = await startBigQuery({ dataFile });
  expect(await rowsOf(second, 'SELECT a FROM salesforce.kept_view')).toEqual([['x']]);
  expect((await finished(second, 'kept_job')).statistics.load.outputRows).toBe('1');
  const again = await loadText(second, { table: 'kept', columns: ['a'], jobId: 'kept_job' }, 'x\n');
  expect(again.error.errors[0].reason).toBe('duplicate');
  expect((await clientOf(second).job(query.id!, { location: 'EU' }).getQueryResults())[0]).toEqual([{ seven: 7 }]);
  await second.close();
  await rm(folder, { recursive: true });
});

test('lists jobs, newest first', async () => {
  const [jobs] = await client.getJobs({ maxResults: 3, autoPaginate: false });
  expect(jobs).toHaveLength(3);
});
