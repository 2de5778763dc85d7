import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { LIMITS } from '../../../../app/core/connections/limits.ts';
import { csvLine } from '../../../../app/core/csv.ts';
import { chooseMethod } from '../../../../app/core/runs/method.ts';
import { nextPageRows } from '../../../../app/core/runs/next-page-rows.ts';
import { Semaphore } from '../../../../app/core/semaphore.ts';

async function use<T>(semaphore: Semaphore, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  using _permit = await semaphore.acquire(signal);
  return await work();
}

test('sizes a page by the bytes per row, within bounds', () => {
  expect(nextPageRows(LIMITS, 10_000, 10_000 * 700)).toBe(Math.floor(LIMITS.pageTextBytes / 700));
  expect(nextPageRows(LIMITS, 10, 10 * 10_000_000)).toBe(1_000);
  expect(nextPageRows(LIMITS, 10_000, 10_000 * 3)).toBe(1_000_000);
  expect(nextPageRows(LIMITS, 0, 0)).toBe(LIMITS.firstPageRows);
});

test('reads few rows by REST, many by Bulk, and always REST if Bulk refuses the object', () => {
  expect(chooseMethod(10_000, 10_000, null).method).toBe('rest');
  expect(chooseMethod(10_001, 10_000, null).method).toBe('bulk');
  expect(chooseMethod(10_001, 10_000, 'INVALIDENTITY')).toEqual({ method: 'rest', reason: expect.stringContaining('INVALIDENTITY') });
});

test('a CSV record round-trips its values, with null as an empty string', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.string({ unit: 'binary' })), { minLength: 1 }), (values) => {
      const line = csvLine(values);
      const read = [...line.matchAll(/"((?:[^"]|"")*)"(?:,|\n$)/g)].map(([, text]) => text!.replaceAll('""', '"'));
      expect(read).toEqual(values.map((value) => value ?? ''));
    }),
  );
});

describe('a semaphore', () => {
  const never = new AbortController().signal;

  test('limits concurrent work and completes all of it', async () => {
    const budget = new Semaphore(3);
    let [working, maxWorking, done] = [0, 0, 0];
    const work = async (): Promise<void> => {
      maxWorking = Math.max(maxWorking, ++working);
      await new Promise((resolve) => setImmediate(resolve));
      working--;
      done++;
    };
    await Promise.all(Array.from({ length: 20 }, () => use(budget, never, work)));
    expect([maxWorking, done]).toEqual([3, 20]);
  });

  test('rejects an aborted waiter and gives its permit to the next one', async () => {
    const budget = new Semaphore(1);
    const holding = Promise.withResolvers<void>();
    const held = use(budget, never, () => holding.promise);
    const stop = new AbortController();
    const waiting = use(budget, stop.signal, async () => 'worked');
    const next = use(budget, never, async () => 'next');
    stop.abort(new Error('stopped'));
    await expect(waiting).rejects.toThrow('stopped');
    holding.resolve();
    await held;
    expect(await next).toBe('next');
    expect(await use(budget, never, async () => 'again')).toBe('again');
  });

  test('releases the permit of work that fails and of a wait that is aborted', async () => {
    const budget = new Semaphore(1);
    const fail = (): Promise<never> => Promise.reject(new Error('failed'));
    await expect(use(budget, never, fail)).rejects.toThrow('failed');
    await expect(use(budget, AbortSignal.abort(), async () => 'worked')).rejects.toThrow();
    expect(await use(budget, never, async () => 'worked')).toBe('worked');
  });
});
