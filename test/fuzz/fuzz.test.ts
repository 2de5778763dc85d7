import { expect, test } from '@jest/globals';
import { runFuzz } from './run-fuzz.ts';

test('5,000 hostile requests neither stop the service, nor hang, nor reveal anything', async () => {
  const { result, wrong } = await runFuzz(1, 5_000, () => {});
  expect(wrong).toEqual([]);
  expect(result).toMatchObject({ requests: 5_000, fiveHundreds: 0, crashes: 0, hangs: 0, leaks: 0 });
  // Some came through to the endpoints.
  expect(result.statuses['2xx']).toBeGreaterThan(10);
});
