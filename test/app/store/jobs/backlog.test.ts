import { beforeEach, expect, test } from '@jest/globals';
import { readBacklog } from '../../../../app/store/jobs/backlog.ts';
import { createJobStore } from '../../../support/store/job-store.ts';

const store = await createJobStore();
beforeEach(() => store.clear());

const now = new Date('2023-03-21T06:00:00Z');

test('the backlog of an empty job store is zero, and its quota unknown', async () => {
  expect(await readBacklog(store.pool, now, 2)).toEqual({
    queuedRuns: 0,
    claimableRuns: 0,
    runningRuns: 0,
    lagHours: 0,
    apiQuotaPercent: undefined,
  });
});

test('the backlog counts due and running runs of active jobs, how many of these more workers could claim, the oldest last_date, and the fullest quota', async () => {
  await store.addJobs(await store.addConnection(), 5);
  await store.tick('2023-03-20');
  await store.claim();
  await store.pool.query(`UPDATE jobs SET created_at = start_date`);
  await store.pool.query(`UPDATE jobs SET active = false WHERE id = (SELECT job_id FROM runs WHERE state = 'queued' LIMIT 1)`);
  await store.pool.query(
    `INSERT INTO org_calls (org_id, hour, calls, used, call_limit, reported_at)
     VALUES ('00D000000000001AAA', now(), 1, 300, 1000, now()), ('00D000000000002AAA', now(), 1, 8, 10, now()), ('00D000000000003AAA', now(), 1, 9, 10, now() - interval '1 day')`,
  );
  expect(await readBacklog(store.pool, now, 2)).toEqual({
    queuedRuns: 3,
    claimableRuns: 1,
    runningRuns: 1,
    lagHours: 20 * 24 + 6,
    apiQuotaPercent: 80,
  });
});

test('a job that has imported nothing lags since it was created, even if it starts with the first record', async () => {
  await store.addJobs(await store.addConnection(), 1);
  await store.pool.query(`UPDATE jobs SET start_date = '1700-01-01', synced_to = '1700-01-01', created_at = '2023-03-21T04:00:00Z'`);
  expect(await readBacklog(store.pool, now, 2)).toMatchObject({ lagHours: 2 });
});

test('windows that a worker imports together are one running run of the backlog, because the other workers are free', async () => {
  await store.addJobs(await store.addConnection(), 5);
  await store.pool.query('UPDATE jobs SET target_created_at = now()');
  await store.tick('2023-03-20');
  expect(await store.claimTogether(10, 3)).toHaveLength(3);
  await store.claim();
  expect(await readBacklog(store.pool, now, 3)).toMatchObject({ queuedRuns: 1, claimableRuns: 1, runningRuns: 2 });
});
