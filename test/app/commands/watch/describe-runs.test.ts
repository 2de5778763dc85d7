import { describe, expect, test } from '@jest/globals';
import { widthOf } from '../../../../app/commands/output/text-width.ts';
import type { RunOfJobView } from '../../../../app/commands/remote/views.ts';
import { describeEnded, describeOpenRuns } from '../../../../app/commands/watch/describe-runs.ts';
import { runOfJobExample } from '../../../../app/http/schemas/run.ts';

const running = (object_name: string, slices_done: number, more: Partial<RunOfJobView> = {}): RunOfJobView => ({
  ...runOfJobExample({
    state: 'running',
    step: 'extracting',
    progress: { slices_done, slices_total: 4, rows: 1_200_000, pages: 12, bytes: 9_000_000, rows_per_second: 41_000 },
  }),
  object_name,
  ...more,
});

const deferred = (code: string, until: string): RunOfJobView =>
  runOfJobExample({ deferred_until: until, error: { code, message: 'Later.' } });

describe('the live table', () => {
  test('has a bar per running run, and says what waits and why', () => {
    const queued = [
      runOfJobExample(),
      deferred('salesforce_quota', '2024-03-11T01:00:00.000Z'),
      deferred('salesforce_quota', '2024-03-11T00:30:00.000Z'),
    ];
    const open = { running: [running('Account', 1), running('Opportunity', 4, { step: 'writing' })], queued };
    expect(describeOpenRuns(open, { columns: 80, rows: 24 })).toEqual([
      'Account window      █████░░░░░░░░░░░░░░░  extracting, 1 of 4 slices, 1,200,000 rows, 41,000 rows/s',
      'Opportunity window  ████████████████████  writing, 4 of 4 slices, 1,200,000 rows, 41,000 rows/s',
      '1 queued; 2 deferred (salesforce_quota), the next until 2024-03-11 00:30 UTC',
    ]);
    expect(describeOpenRuns(open, { columns: 200, rows: 24 })[0]).toMatch(/rows\/s {2}2024-03-10 to 2024-03-11$/);
  });

  test('fits the terminal', () => {
    const many = Array.from({ length: 50 }, (_, index) => running(`Object_with_a_long_name_${index}__c`, index % 4));
    const lines = describeOpenRuns({ running: many, queued: [runOfJobExample()] }, { columns: 60, rows: 10 });
    expect(lines.length).toBeLessThan(10);
    expect(lines.slice(-2)).toEqual(['and 44 more running', '1 queued']);
    expect(new Set(lines.slice(0, 6).map((line) => widthOf(line.split('░')[0]!.split('█')[0]!))).size).toBe(1);
  });

  test('shows a run that has not started, or has no slices yet, as not done', () => {
    expect(
      describeOpenRuns({ running: [running('Lead', 0, { progress: null, step: 'planning' })], queued: [] }, { columns: 80, rows: 24 }),
    ).toEqual(['Lead window  ░░░░░░░░░░░░░░░░░░░░  planning']);
  });
});

test('an ended run is a line with its verdict and counts, or its error', () => {
  const times = { started_at: '2024-03-11T00:05:00.000Z', finished_at: '2024-03-11T00:06:12.000Z' };
  const failed = running('Lead', 1, { ...times, state: 'failed', error: { code: 'count_mismatch', message: 'The counts\ndiffer.' } });
  expect(describeEnded(failed)).toBe('Lead window 2024-03-10 to 2024-03-11 failed in 72 s: count_mismatch: The counts\\ndiffer.');
});

test('a reimport that only erases or compares is named after that', () => {
  const ended = { kind: 'reimport', state: 'succeeded' } as const;
  expect(describeEnded(running('Lead', 1, { ...ended, erase: 'hash' }))).toMatch(/^Lead erase 2024/);
  expect(describeEnded(running('Lead', 1, { ...ended, clear: ['Email'] }))).toMatch(/^Lead erase 2024/);
  expect(describeEnded(running('Lead', 1, { ...ended, compare: true }))).toMatch(/^Lead compare 2024/);
  expect(describeEnded(running('Lead', 1, ended))).toMatch(/^Lead reimport 2024/);
});
