import { beforeEach, expect, test } from '@jest/globals';
import { claimRunTables, deleteRunTables, type EndedRun, saveRunTable } from '../../../../app/store/runs/run-tables.ts';
import { createConnectionStore } from '../../../support/connections.ts';

const { database, reset } = await createConnectionStore();

beforeEach(async () => {
  await reset();
});

/** Creates a run with a staging and a delta table, and ends it. @returns its id */
async function endedRun(objectName: string, state: string, changes = 'failures = 0'): Promise<string> {
  const { rows } = await database.pool.query<{ id: string }>(
    `WITH job AS (
       INSERT INTO jobs (connection_id, object_name, cursor_field, target_dataset, target_table, start_date, synced_to, wanted_to)
       SELECT id, $1, 'SystemModstamp', 'salesforce', $1, '2023-03-01', '2023-03-01', '2023-03-01' FROM connections RETURNING *
     )
     INSERT INTO runs (job_id, connection_id, kind, window_from, window_to, state, run_at)
     SELECT id, connection_id, 'window', '2023-03-01', '2023-03-02', 'running', now() FROM job RETURNING id`,
    [objectName],
  );
  const runId = rows[0]!.id;
  const lease = { runId, attempt: 0 };
  await saveRunTable(database.pool, lease, { name: 'stage', createdBy: null });
  for (const createdBy of ['delta_1', 'delta_2']) await saveRunTable(database.pool, lease, { name: 'delta', createdBy });
  await database.pool.query(`UPDATE runs SET state = $2, ${changes} WHERE id = $1`, [runId, state]);
  return runId;
}

const claim = (seconds = 600): Promise<EndedRun | undefined> => claimRunTables(database.pool, seconds);

test('tables are claimed run by run, with the last job that creates each', async () => {
  const runId = await endedRun('Account', 'failed');
  await database.pool.query(`INSERT INTO table_writes (statement, job_id, run_id) SELECT 'merge_3', job_id, id FROM runs`);
  const claimed = (await claim())!;
  expect(claimed).toMatchObject({ runId, job: { objectName: 'Account' }, succeeded: false, writes: ['merge_3'] });
  expect(claimed.tables).toHaveLength(2);
  expect(claimed.tables).toEqual(
    expect.arrayContaining([
      { name: 'stage', createdBy: null },
      { name: 'delta', createdBy: 'delta_2' },
    ]),
  );
  expect(await claim()).toBeUndefined();
});

test('a claim ends by itself, and what was dropped is not claimed again', async () => {
  const runId = await endedRun('Account', 'succeeded');
  await claim(0);
  await deleteRunTables(database.pool, runId, ['stage']);
  expect(await claim(0)).toMatchObject({ succeeded: true, tables: [{ name: 'delta' }] });
  await deleteRunTables(database.pool, runId, ['delta']);
  expect(await claim(0)).toBeUndefined();
});

test('a run that never reached its target table cannot have requested a MERGE', async () => {
  await endedRun('Account', 'failed');
  expect(await claim()).toMatchObject({ writes: [] });
});

test.each([
  ['running', `lease_until = now() - interval '1 second'`],
  ['queued', 'lease_until = NULL'],
  ['cancelled', `lease_until = now() + interval '10 seconds'`],
  ['failed', `lease_until = now() + interval '10 seconds'`],
])('tables of a %s run with %s are not claimed', async (state, changes) => {
  await endedRun('Account', state, changes);
  expect(await claim()).toBeUndefined();
});

test('concurrent processes claim different runs, and each run once', async () => {
  const objects = ['Account', 'Contact', 'Lead', 'Task'];
  const runIds = await Promise.all(objects.map((object) => endedRun(object, 'succeeded')));
  const claimed: EndedRun[] = [];
  const process = async (): Promise<void> => {
    // A process may find that another was faster, and checks again a minute later.
    for (let round = 0; round < 10; round++) claimed.push(...[await claim()].filter((run) => run !== undefined));
  };
  await Promise.all([1, 2, 3, 4].map(process));
  expect(claimed.map(({ runId }) => runId).sort()).toEqual(runIds.sort());
  for (const { tables } of claimed) expect(tables).toHaveLength(2);
});

test('a worker that lost its lease records no table', async () => {
  const runId = await endedRun('Account', 'succeeded');
  const late = saveRunTable(database.pool, { runId, attempt: 0 }, { name: 'late', createdBy: null });
  await expect(late).rejects.toMatchObject({ code: 'lease_lost' });
});
