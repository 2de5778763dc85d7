import { expect, test } from '@jest/globals';
import { Semaphore } from '../../../app/core/semaphore.ts';

async function use<T>(semaphore: Semaphore, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  using _permit = await semaphore.acquire(signal);
  return await work();
}

/** Releases the permit and aborts the first waiter `hops` microtasks apart. @returns whether the second waiter got the permit */
async function secondWaiterGetsPermit(hops: number): Promise<boolean> {
  const budget = new Semaphore(1);
  const never = new AbortController().signal;
  const held = Promise.withResolvers<void>();
  const failing = new AbortController();
  const holder = use(budget, never, () => held.promise);
  const next = use(budget, failing.signal, async () => {});
  let served = false;
  void use(budget, never, async () => {
    served = true;
  });
  held.resolve();
  for (let hop = 0; hop < hops; hop++) await Promise.resolve();
  failing.abort(new Error('another page of the same run failed'));
  await holder;
  await next.catch(() => {});
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
  return served;
}

test.each([0, 1, 2, 3, 4, 5, 6])('serves the next waiter if the first aborts %i microtasks after the release', async (hops) => {
  expect(await secondWaiterGetsPermit(hops)).toBe(true);
});
