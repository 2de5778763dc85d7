import { expect, test } from '@jest/globals';
import { LIMITS } from '../../../app/core/limits.ts';
import { AppError } from '../../../app/errors.ts';
import { retryJob } from '../../../app/sync/retry-job.ts';

const failed = { succeeded: false as const, passing: true, error: new AppError('bigquery_unavailable', 'Exceeded rate limits.') };

test('a job that failed in passing is not asked for again at once: there is time for a worker to be told to stop', async () => {
  const stop = new AbortController();
  const asked: number[] = [];
  const told: number[] = [];
  const trying = retryJob(
    { context: { limits: { ...LIMITS, retryMs: 60_000 } }, signal: stop.signal },
    3,
    async (number) => void told.push(number),
    async (number) => {
      asked.push(number);
      return failed;
    },
  );
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
  expect([asked, told]).toEqual([[3], [4]]);
  stop.abort();
  await expect(trying).rejects.toThrow('aborted');
  expect(asked).toEqual([3]);
});

test('a job that fails in passing again and again fails the attempt, and one that fails otherwise does so at once', async () => {
  for (const [passing, tries] of [
    [true, 4],
    [false, 1],
  ] as const) {
    const asked: number[] = [];
    const trying = retryJob(
      { context: { limits: { ...LIMITS, retryMs: 1 } }, signal: new AbortController().signal },
      1,
      async () => {},
      async (number) => {
        asked.push(number);
        return { ...failed, passing };
      },
    );
    await expect(trying).rejects.toBe(failed.error);
    expect(asked).toHaveLength(tries);
  }
});
