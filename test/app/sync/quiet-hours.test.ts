import { expect, test } from '@jest/globals';
import type { Pass } from '../../../app/core/runs/pass.ts';
import type { Job } from '../../../app/store/jobs/jobs.ts';
import type { Run } from '../../../app/store/runs/runs.ts';
import { requireOutsideQuietHours } from '../../../app/sync/require-outside-quiet-hours.ts';

const NOON = new Date('2026-11-27T12:00:00Z');

/** The code of the error with which such a run waits at noon; undefined: it runs. */
function waits(
  pass: Pass,
  { started = false, deletes = 'keep', quietHours = '08:00-18:00 UTC' as string | null } = {},
): string | undefined {
  const job = { deletes, cursorField: 'SystemModstamp' } as Job;
  const run: Pick<Run, 'pass' | 'job' | 'columns' | 'quietHours'> = { pass, job, columns: started ? [] : null, quietHours };
  try {
    requireOutsideQuietHours(run, NOON);
    return undefined;
  } catch (error) {
    expect(error).toMatchObject({
      recovery: 'defer',
      retryAfterMs: 6 * 3_600_000,
      message: expect.stringContaining('until 2026-11-27 18:00 UTC'),
    });
    return (error as { code: string }).code;
  }
}

test('in quiet hours, repairs wait and windows do not', () => {
  expect(waits({ kind: 'window' })).toBeUndefined();
  for (const kind of ['reimport', 'rebuild', 'sweep'] as const) {
    expect(waits({ kind })).toBe('quiet_hours');
    expect(waits({ kind }, { quietHours: null })).toBeUndefined();
    expect(waits({ kind }, { quietHours: '18:00-08:00 UTC' })).toBeUndefined();
  }
});

test('a repair that has started stops, unless it holds the table, which windows need', () => {
  expect(waits({ kind: 'sweep' }, { started: true })).toBe('quiet_hours');
  expect(waits({ kind: 'reimport' }, { started: true })).toBe('quiet_hours');
  expect(waits({ kind: 'rebuild' }, { started: true })).toBeUndefined();
  expect(waits({ kind: 'reimport' }, { started: true, deletes: 'remove' })).toBeUndefined();
});
