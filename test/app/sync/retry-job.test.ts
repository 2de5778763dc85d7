import { expect, test } from '@jest/globals';
import { LIMITS } from '../../../app/core/connections/limits.ts';
import { AppError } from '../../../app/errors.ts';
import { retryJob } from '../../../app/sync/retry-job.ts';

const failed = { succeeded: false as const, transient: true, error: new AppError('bigquery_unavailable', 'Exceeded rate limits.') };

test('waits before it retries a job that failed transiently, and can be stopped meanwhile', async () => {
  const stop = new AbortController();
  const started: number[] = [];
  const saved: number[] = [];
  const trying = retryJob(
    { context: { limits: { ...LIMITS, retryMs: 60_000 } }, signal: stop.signal },
    3,
    async (number) => void saved.push(number),
    async (number) => {
      started.push(number);
      return failed;
    },
  );
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
  expect([started, saved]).toEqual([[3], [4]]);
  stop.abort();
  await expect(trying).rejects.toThrow('aborted');
  expect(started).toEqual([3]);
});

test('fails the attempt after repeated transient failures, or after one permanent failure', async () => {
  for (const [transient, tries] of [
    [true, 4],
    [false, 1],
  ] as const) {
    const started: number[] = [];
    const trying = retryJob(
      { context: { limits: { ...LIMITS, retryMs: 1 } }, signal: new AbortController().signal },
      1,
      async () => {},
      async (number) => {
        started.push(number);
        return { ...failed, transient };
      },
    );
    await expect(trying).rejects.toBe(failed.error);
    expect(started).toHaveLength(tries);
  }
});
