import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { RunEvent } from '../../../../app/core/runs/kept-events.ts';
import { createEvents, type Events } from '../../../../app/events.ts';
import { createLog, redact } from '../../../../app/log.ts';
import { listRunEvents, MAX_EVENTS, RunEvents, type StoredEvent } from '../../../../app/store/runs/run-events.ts';
import { EVERY_EVENT, linesOf } from '../../../support/every-event.ts';
import { RECEIPT } from '../../../support/receipt.ts';
import { createJobStore } from '../../../support/store/job-store.ts';

const store = await createJobStore();
const { pool } = store;
const EMPTY = { ...RECEIPT, processed: 0, inserted: 0 };
const NOT_STORED: unknown[] = [];
let kept: RunEvents;
let events: Events;
let runs: string[];

beforeEach(async () => {
  await store.clear();
  await store.addJobs(await store.addConnection(), 2);
  await store.tick('2023-03-20');
  runs = (await pool.query<{ id: string }>('SELECT id FROM runs')).rows.map(({ id }) => id);
  kept = new RunEvents(pool, redact, (error) => NOT_STORED.push(error));
  events = createEvents(createLog({ write: () => {} }));
  events.keepRunEvents((event) => kept.add(event));
});
afterEach(() => {
  expect(NOT_STORED.splice(0)).toEqual([]);
});

const claimed = (runId: string) => ({
  runId,
  job: { id: 'job-1', objectName: 'Account' },
  pass: { kind: 'window' } as const,
  window: { from: new Date('2023-03-01'), to: new Date('2023-03-20') },
  attempt: 1,
});

const stored = async (runId = runs[0]!): Promise<StoredEvent[]> => await listRunEvents(pool, runId);
const names = async (runId = runs[0]!): Promise<string[]> => (await stored(runId)).map(({ event }) => event);

test('a run with rows keeps its events, the latest first', async () => {
  events.runClaimed(claimed(runs[0]!));
  events.sliceCut({ runId: runs[0]!, job: { id: 'job-1', objectName: 'Account' } }, { ordinal: 0 }, 2);
  events.runSucceeded(claimed(runs[0]!), RECEIPT);
  await kept.write();
  expect(await names()).toEqual(['run_succeeded', 'slice_cut', 'run_claimed']);
  expect((await stored())[1]).toEqual({ at: expect.any(Date), level: 'info', event: 'slice_cut', details: { slice: 0, parts: 2 } });
  expect(await names(runs[1])).toEqual([]);
});

test('a window without rows keeps none, unless something else happened', async () => {
  events.runClaimed(claimed(runs[0]!));
  events.runSucceeded(claimed(runs[0]!), EMPTY);
  events.runClaimed(claimed(runs[1]!));
  events.notCounted(claimed(runs[1]!), new Error('x'));
  events.runSucceeded(claimed(runs[1]!), EMPTY);
  await kept.write(true);
  expect(await names(runs[0])).toEqual([]);
  expect(await names(runs[1])).toEqual(['run_succeeded', 'not_counted', 'run_claimed']);
});

test('a claim waits for what happens next, but not at the end of the process', async () => {
  events.runClaimed(claimed(runs[0]!));
  await kept.write();
  expect(await names()).toEqual([]);
  await kept.write(true);
  expect(await names()).toEqual(['run_claimed']);
  // The run has an event by now, so its end is stored as well.
  events.runSucceeded(claimed(runs[0]!), EMPTY);
  await kept.write();
  expect(await names()).toEqual(['run_succeeded', 'run_claimed']);
});

test('only the newest are kept, and they are deleted with the run', async () => {
  for (let slice = 0; slice < MAX_EVENTS + 20; slice++) {
    events.sliceCut(claimed(runs[0]!), { ordinal: slice }, 2);
    if (slice === 50) await kept.write();
  }
  await kept.write();
  const rows = await stored();
  expect(rows).toHaveLength(MAX_EVENTS);
  expect(rows[0]!.details.slice).toBe(MAX_EVENTS + 19);
  expect((await pool.query('SELECT FROM run_events')).rowCount).toBe(MAX_EVENTS);
  await pool.query('DELETE FROM runs WHERE id = $1', [runs[0]]);
  expect((await pool.query('SELECT FROM run_events')).rowCount).toBe(0);
});

test('of a run that was deleted meanwhile nothing is stored, and nothing of others is lost', async () => {
  await pool.query('DELETE FROM runs WHERE id = $1', [runs[0]]);
  events.repairRequested(claimed(runs[0]!), 'sweep', 'ops');
  events.repairRequested(claimed(runs[1]!), 'sweep', 'ops');
  await kept.write();
  expect(await names(runs[1])).toEqual(['repair_requested']);
});

test('they wait while the job store is unreachable, and are written when it is back', async () => {
  let down = true;
  const failing = { query: (...query: [string]) => (down ? Promise.reject(new Error('down')) : pool.query(...query)) } as typeof pool;
  kept = new RunEvents(failing, redact, (error) => NOT_STORED.push(error));
  events.repairRequested(claimed(runs[0]!), 'sweep', 'ops');
  await kept.write();
  expect(NOT_STORED.splice(0)).toHaveLength(1);
  down = false;
  await kept.write();
  expect(await names()).toEqual(['repair_requested']);
});

test('what may be a secret is redacted, and text that Postgres refuses is stored', async () => {
  const details = { slice: 1, api_key: 'sesame', error_details: { accessToken: 'sesame' }, msg: 'a\u0000b\ud800' };
  kept.add({ runId: runs[0]!, at: new Date(), level: 'warn', event: 'slice_repeated', details });
  await kept.write();
  expect((await stored())[0]!.details).toEqual({
    slice: 1,
    api_key: '[redacted]',
    error_details: { accessToken: '[redacted]' },
    msg: 'a\u0000b\ud800',
  });
});

test.each(Object.entries(EVERY_EVENT))('%s keeps what it logs, and only if it is about a run', (_, { emit }) => {
  const found: RunEvent[] = [];
  const [line] = linesOf((logged) => {
    logged.keepRunEvents((event) => found.push(event));
    emit(logged);
  });
  const { run, event, level, ...details } = line!;
  const expected = run === undefined ? [] : [{ runId: run, at: expect.any(Date), event, level, details }];
  expect(found.map(({ details: raw, ...others }) => ({ ...others, details: JSON.parse(JSON.stringify(redact(raw))) as unknown }))).toEqual(
    expected,
  );
});
