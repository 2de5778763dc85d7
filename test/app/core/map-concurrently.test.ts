import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { mapConcurrently } from '../../../app/core/map-concurrently.ts';

const never = new AbortController().signal;

async function* numbers(count: number): AsyncGenerator<number> {
  for (let number = 0; number < count; number++) yield number;
}

test('returns the results in the order of the items, and works on no more than the limit at a time', async () => {
  let [working, peak] = [0, 0];
  const results = await mapConcurrently(
    3,
    never,
    () => numbers(20),
    async (number) => {
      peak = Math.max(peak, ++working);
      for (let turns = number % 4; turns >= 0; turns--) await turn();
      working--;
      return number * 2;
    },
  );
  expect(results).toEqual(Array.from({ length: 20 }, (_, number) => number * 2));
  expect(peak).toBe(3);
});

test('pulls an item only when it can be worked on', async () => {
  const pulled: number[] = [];
  const gate = Promise.withResolvers<void>();
  async function* source(): AsyncGenerator<number> {
    for (let number = 0; number < 5; number++) {
      pulled.push(number);
      yield number;
    }
  }
  const done = mapConcurrently(2, never, source, () => gate.promise);
  for (let turns = 0; turns < 10; turns++) await turn();
  expect(pulled).toEqual([0, 1]);
  gate.resolve();
  await done;
});

test('throws the first failure once the source and all other work have ended', async () => {
  const ended: string[] = [];
  async function* source(signal: AbortSignal): AsyncGenerator<number> {
    try {
      yield 0;
      yield 1;
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    } finally {
      ended.push('source');
    }
  }
  const work = async (number: number, signal: AbortSignal): Promise<void> => {
    if (number === 1) throw new Error('first');
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    for (let turns = 0; turns < 5; turns++) await turn();
    ended.push('work');
    throw new Error('second');
  };
  await expect(mapConcurrently(3, never, source, work)).rejects.toThrow('first');
  expect(ended.sort()).toEqual(['source', 'work']);
});

test('ends with the reason of its signal', async () => {
  const stop = new AbortController();
  const work = (_: number, signal: AbortSignal): Promise<void> =>
    new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  const done = mapConcurrently(2, stop.signal, () => numbers(5), work);
  await turn();
  stop.abort(new Error('stopped'));
  await expect(done).rejects.toThrow('stopped');
});

test('starts no item once the signal has aborted, whatever the source', async () => {
  const leaving = new AbortController();
  const started: number[] = [];
  const work = async (number: number): Promise<void> => {
    started.push(number);
    if (number === 1) leaving.abort();
    await turn();
  };
  await expect(mapConcurrently(2, leaving.signal, () => [0, 1, 2, 3], work)).rejects.toThrow(/aborted/);
  expect(started).toEqual([0, 1]);
});
