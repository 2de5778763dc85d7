import { beforeEach, expect, test } from '@jest/globals';
import { readFingerprints } from '../../../app/store/run-fingerprints.ts';
import type { Run } from '../../../app/store/runs/runs.ts';
import { createJobStore } from '../../support/store/job-store.ts';

const store = await createJobStore();
const { pool } = store;
let run: Run;

beforeEach(async () => {
  await store.clear();
  await store.addJobs(await store.addConnection(), 2);
  await store.tick('2023-03-20');
  run = (await store.claim())!;
});

const query = (sql: string): Promise<unknown> => pool.query(sql.replaceAll('$run', `'${run.runId}'`).replaceAll('$job', `'${run.job.id}'`));

test('only runs in progress and their jobs have a fingerprint, which stays while nothing changes', async () => {
  const first = await readFingerprints(pool);
  expect([...first.keys()].sort()).toEqual([run.runId, run.job.id].sort());
  expect(await readFingerprints(pool)).toEqual(first);
});

test('every change of what is stored about a run changes its fingerprint, and that of its job', async () => {
  const seen = new Set<string>();
  const changes = [
    'SELECT 1',
    `INSERT INTO slices (run_id, ordinal, cursor_from, cursor_to, open) SELECT $run, ordinal, now(), now(), true FROM generate_series(0, 1) AS ordinal`,
    `UPDATE slices SET count_before = 7 WHERE run_id = $run AND ordinal = 0`,
    `INSERT INTO pages (run_id, slice, generation, number) SELECT $run, 0, 1, number FROM generate_series(0, 1) AS number`,
    `UPDATE pages SET loaded = 7 WHERE run_id = $run AND number = 1`,
    `UPDATE pages SET loaded = 7 WHERE run_id = $run AND number = 0`,
    `INSERT INTO run_events (run_id, at, level, event, details) VALUES ($run, now(), 'info', 'page_loaded', '{}')`,
    `INSERT INTO table_writes (statement, job_id, run_id) VALUES ('merge', $job, $run)`,
    `INSERT INTO billed (statement, run_id, bytes) VALUES ('merge', $run, 1)`,
    `DELETE FROM table_writes WHERE run_id = $run`,
    `UPDATE runs SET actions = '[{}]' WHERE id = $run`,
    `UPDATE jobs SET active = false WHERE id = $job`,
    `UPDATE connections SET status = 'needs_login'`,
  ];
  for (const [index, change] of changes.entries()) {
    await query(change);
    const fingerprints = await readFingerprints(pool);
    seen.add(fingerprints.get(run.runId)!).add(fingerprints.get(run.job.id)!);
    expect([change, seen.size]).toEqual([change, 2 * (index + 1)]);
  }
});
