import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { transaction } from '../../../app/store/database.ts';
import { listJobPage } from '../../../app/store/jobs/job-list.ts';
import { type Answer, readAnswer, startService, type TestService } from '../../support/service.ts';
import { countingReads } from '../../support/store/job-store.ts';

let service: TestService;

beforeAll(async () => {
  service = await startService({ worker: false });
  await service.connect();
});
afterAll(() => service[Symbol.asyncDispose]());

/** Adds jobs that were created at the same moment, as in one transaction. */
async function addJobs(from: number, to: number): Promise<void> {
  await service.database.pool.query(
    `INSERT INTO jobs (connection_id, object_name, cursor_field, target_dataset, target_table, every, start_date, synced_to, wanted_to)
     SELECT id, 'Object' || number, 'SystemModstamp', 'salesforce', 'Object' || number, 'day', '2023-03-01', '2023-03-01', '2023-03-01'
     FROM connections, generate_series($1::integer, $2) AS number`,
    [from, to],
  );
}

const list = async (query: string): Promise<Answer> => await readAnswer(await fetch(`${service.url}/jobs?${query}`));

interface JobPage {
  jobs: { object_name: string }[];
  next: string | null;
}

async function page(query: string): Promise<JobPage> {
  return JSON.parse((await list(query)).text) as JobPage;
}

/** The names on all pages. @param meanwhile after each page */
async function allNames(limit: number, meanwhile = async (_page: number): Promise<void> => {}): Promise<string[]> {
  const names: string[] = [];
  for (let number = 1, after = ''; ; number++) {
    const { jobs, next } = await page(`limit=${limit}${after}`);
    names.push(...jobs.map(({ object_name }) => object_name));
    await meanwhile(number);
    if (next === null) return names;
    after = `&after=${next}`;
  }
}

describe('/jobs', () => {
  test('lists every job once, page by page', async () => {
    await addJobs(1, 5);
    const names = await allNames(2);
    expect(names.toSorted()).toEqual(['Object1', 'Object2', 'Object3', 'Object4', 'Object5']);
    expect(await allNames(5)).toEqual(names);
    expect(await page('')).toMatchObject({ jobs: { length: 5 }, next: null });
  });

  test('neither skips nor repeats a job if others are created or deleted meanwhile', async () => {
    const before = await allNames(1_000);
    const names = await allNames(2, async (number) => {
      if (number !== 1) return;
      await service.database.pool.query('DELETE FROM jobs WHERE object_name = ANY($1)', [before.slice(0, 2)]);
      await addJobs(6, 6);
    });
    expect(names).toEqual([...before, 'Object6']);
  });

  test('is served below /v1, too', async () => {
    const below = await readAnswer(await fetch(`${service.url}/v1/jobs?limit=2`));
    expect(below).toEqual(await list('limit=2'));
  });

  test('has 100 jobs per page by default', async () => {
    await addJobs(7, 120);
    const first = await page('');
    expect(first.jobs).toHaveLength(100);
    expect((await page(`after=${first.next}`)).jobs.length).toBeGreaterThan(0);
  });

  test.each(['limit=0', 'limit=1001', 'limit=ten', 'limit=-1', 'after=2', 'after=MjAyMyB4'])('refuses %s', async (query) => {
    expect(await list(query)).toMatchObject({ status: 400, code: 'invalid_request' });
  });

  test('reads only the jobs of a page, however many there are before it', async () => {
    const { pool } = service.database;
    await addJobs(1_000, 6_000);
    await pool.query('ANALYZE jobs');
    const { rows } = await pool.query<{ created_at: string; id: string }>(
      `SELECT created_at::text, id FROM jobs WHERE object_name = 'Object6000'`,
    );
    const { pool: counted, reads } = countingReads(pool);
    const after = { createdAt: rows[0]!.created_at, id: '80000000-0000-0000-0000-000000000000' };
    const { jobs } = await transaction(counted, (client) => listJobPage(client, { limit: 50, after }));
    expect(jobs).toHaveLength(50);
    // Each job and its connection.
    expect(reads[0]).toBeLessThanOrEqual(100);
  });

  test('lists those of a connection, an object, a dataset and a state', async () => {
    const { pool } = service.database;
    await pool.query(`UPDATE jobs SET target_dataset = 'other' WHERE object_name IN ('Object1001', 'Object1002')`);
    await pool.query(`UPDATE jobs SET active = false WHERE object_name IN ('Object1002', 'Object1003')`);
    const names = async (query: string): Promise<string[]> => (await page(query)).jobs.map(({ object_name }) => object_name).toSorted();
    expect(await names('object_name=object1001')).toEqual(['Object1001']);
    expect(await names('dataset=other')).toEqual(['Object1001', 'Object1002']);
    expect(await names('state=paused')).toEqual(['Object1002', 'Object1003']);
    expect(await names('state=paused&dataset=other&connection=1')).toEqual(['Object1002']);
    expect(await list('state=late')).toMatchObject({ status: 400, code: 'invalid_request' });
    expect(await list('connection=2')).toMatchObject({ status: 404, code: 'not_found' });
  });
});

describe('the runs of a job', () => {
  interface RunPage {
    runs: { id: string; kind: string; from: string }[];
    next: string | null;
  }

  const runsOf = async (jobId: string, query = ''): Promise<Answer> =>
    await readAnswer(await fetch(`${service.url}/v1/jobs/${jobId}/runs?${query}`));

  test('are listed page by page, the latest first', async () => {
    const { rows } = await service.database.pool.query<{ id: string }>(
      `INSERT INTO runs (job_id, connection_id, kind, window_from, window_to, state, run_at, created_at)
       SELECT jobs.id, connection_id, 'window', day, day + interval '1 day', 'succeeded', day, day
       FROM (SELECT * FROM jobs LIMIT 1) AS jobs, generate_series('2023-03-01'::timestamptz, '2023-03-05', '1 day') AS day RETURNING job_id AS id`,
    );
    const days: string[] = [];
    for (let after = ''; ; ) {
      const { runs, next } = JSON.parse((await runsOf(rows[0]!.id, `limit=2${after}`)).text) as RunPage;
      days.push(...runs.map(({ from }) => from));
      if (next === null) break;
      after = `&after=${next}`;
    }
    expect(days).toEqual(['2023-03-05', '2023-03-04', '2023-03-03', '2023-03-02', '2023-03-01']);
  });

  test('of an unknown job are not found', async () => {
    expect(await runsOf('7c9e6679-7425-40de-944b-e07fc1f90ae7')).toMatchObject({ status: 404, code: 'not_found' });
  });
});

describe('the runs of all jobs', () => {
  interface RunPage {
    runs: { object_name: string; from: string; state: string }[];
    next: string | null;
  }

  const list = async (query: string): Promise<Answer> => await readAnswer(await fetch(`${service.url}/v1/runs?${query}`));
  const from = async (query: string): Promise<string[]> => (JSON.parse((await list(query)).text) as RunPage).runs.map((run) => run.from);

  test('are listed by connection, object, job, state, kind and time', async () => {
    const { pool } = service.database;
    const { rows } = await pool.query<{ id: string }>('SELECT job_id AS id FROM runs LIMIT 1');
    const job = rows[0]!.id;
    await pool.query(`UPDATE runs SET state = 'failed', finished_at = created_at WHERE window_from = '2023-03-02'`);
    await pool.query(`UPDATE runs SET kind = 'sweep' WHERE window_from = '2023-03-04'`);
    const { runs } = JSON.parse((await list('state=failed')).text) as RunPage;
    expect(runs).toMatchObject([{ job_id: job, object_name: expect.any(String), from: '2023-03-02', state: 'failed' }]);
    const all = ['2023-03-05', '2023-03-04', '2023-03-03', '2023-03-02', '2023-03-01'];
    for (const query of ['', 'connection=1', `job_id=${job}`, `object_name=${runs[0]!.object_name.toLowerCase()}`]) {
      expect(await from(query)).toEqual(all);
    }
    expect(await from('kind=sweep')).toEqual(['2023-03-04']);
    expect(await from('since=2023-03-02&until=2023-03-04T00:00:00Z')).toEqual(['2023-03-03', '2023-03-02']);
    expect(await from('object_name=Other')).toEqual([]);
  });

  test.each([
    ...['state=ended', 'kind=windows', 'job_id=1', 'object_name=;'],
    ...['since=yesterday', 'since=2023-03-01T00:00', 'until=2023-13-01', 'since=2023-02-30', 'until=2023-02-30T10:00:00%2B02:00'],
    'since=0000-01-01',
  ])('refuses %s', async (query) => {
    expect(await list(query)).toMatchObject({ status: 400, code: 'invalid_request' });
  });
});

describe('a position at a date that no calendar has', () => {
  test.each(['2026-02-31', '2026-04-31', '0000-01-01'])('is refused by every list: %s', async (date) => {
    const { rows } = await service.database.pool.query<{ id: string }>('SELECT id FROM jobs LIMIT 1');
    const { id } = rows[0]!;
    const after = Buffer.from(`${date} 18:14:33.803249+00 ${id}`).toString('base64url');
    for (const path of ['jobs', `v1/jobs/${id}/runs`, 'v1/runs', 'v1/connect-links']) {
      const answer = await readAnswer(await fetch(`${service.url}/${path}?after=${after}`));
      expect({ path, ...answer }).toMatchObject({ path, status: 400, text: expect.stringContaining('after must be the value of next') });
    }
  });
});
