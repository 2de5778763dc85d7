import { expect, test } from '@jest/globals';
import { Semaphore } from '../../../app/core/semaphore.ts';

/** Lets the place be given back and the signal abort so many microtasks apart; @returns whether the one behind got its place */
async function theOneBehindGetsAPlace(hops: number): Promise<boolean> {
  const budget = new Semaphore(1);
  const never = new AbortController().signal;
  const held = Promise.withResolvers<void>();
  const failing = new AbortController();
  const holder = budget.use(never, () => held.promise);
  const next = budget.use(failing.signal, async () => {});
  let served = false;
  void budget.use(never, async () => {
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

test.each([0, 1, 2, 3, 4, 5, 6])(
  'whoever waits behind one that gives up as it gets its place (%i microtasks later) is served',
  async (hops) => {
    expect(await theOneBehindGetsAPlace(hops)).toBe(true);
  },
);
