import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { SharedReads } from '../../../../app/console/live/shared-reads.ts';

const MAX_AGE_MS = 100;

/** Lets everything that follows from a read's end happen. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('shared reads', () => {
  test('are fresh from their end, however long they took', async () => {
    let now = 0;
    const reads = new SharedReads(() => now);
    const slow = Promise.withResolvers<string>();
    const first = reads.read('jobs', MAX_AGE_MS, () => slow.promise);
    now = 5 * MAX_AGE_MS;
    expect(reads.read('jobs', MAX_AGE_MS, async () => 'second')).toBe(first);
    slow.resolve('first');
    await settle();
    now += MAX_AGE_MS - 1;
    expect(await reads.read('jobs', MAX_AGE_MS, async () => 'third')).toBe('first');
    now += 1;
    expect(await reads.read('jobs', MAX_AGE_MS, async () => 'fourth')).toBe('fourth');
  });

  test('that are forgotten are repeated, and their end changes nothing', async () => {
    const reads = new SharedReads(() => 0);
    const slow = Promise.withResolvers<string>();
    const forgotten = reads.read('jobs', MAX_AGE_MS, () => slow.promise);
    reads.forget('jobs');
    expect(await reads.read('jobs', MAX_AGE_MS, async () => 'later')).toBe('later');
    slow.reject(new Error('no store'));
    await expect(forgotten).rejects.toThrow('no store');
    expect(await reads.read('jobs', MAX_AGE_MS, async () => 'repeated')).toBe('later');
  });

  test('that fail are repeated by the next page', async () => {
    const reads = new SharedReads(() => 0);
    await expect(reads.read('jobs', MAX_AGE_MS, () => Promise.reject(new Error('no store')))).rejects.toThrow('no store');
    expect(await reads.read('jobs', MAX_AGE_MS, async () => 'again')).toBe('again');
  });

  test('since some time use nothing from before, and what they read is used by all', async () => {
    let now = 10;
    const reads = new SharedReads(() => now);
    await reads.read('jobs', MAX_AGE_MS, async () => 'before');
    now = 20;
    const page = reads.since();
    expect(await page.read('jobs', MAX_AGE_MS, async () => 'page')).toBe('page');
    expect(await reads.read('jobs', MAX_AGE_MS, async () => 'later')).toBe('page');
    expect(await reads.since(page.sinceMs).read('jobs', MAX_AGE_MS, async () => 'later')).toBe('page');
    expect(await reads.since(1e9).read('jobs', MAX_AGE_MS, async () => 'same moment')).toBe('page');
  });

  const event = fc.oneof(
    fc.record({ kind: fc.constant('read' as const), key: fc.constantFrom('a', 'b') }),
    fc.record({ kind: fc.constant('end' as const), index: fc.nat(5), fails: fc.boolean() }),
    fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 2 * MAX_AGE_MS }) }),
  );

  test('overlap never for a key, and return nothing that ended too long ago, in any order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 40 }), async (events) => {
        let now = 0;
        const reads = new SharedReads(() => now);
        const open: { key: string; value: Promise<string>; end: (fails: boolean) => void }[] = [];
        const endedAt = new Map<Promise<string>, number>();
        for (const step of events) {
          if (step.kind === 'wait') now += step.ms;
          if (step.kind === 'end') {
            const [ended] = open.splice(step.index, 1);
            ended?.end(step.fails);
            if (ended) endedAt.set(ended.value, now);
            await settle();
          }
          if (step.kind !== 'read') continue;
          const { promise, resolve, reject } = Promise.withResolvers<string>();
          let isNew = false;
          const value = reads.read(step.key, MAX_AGE_MS, () => {
            isNew = true;
            return promise;
          });
          value.catch(() => {});
          const inProgress = open.find(({ key }) => key === step.key);
          if (inProgress) expect(value).toBe(inProgress.value);
          else if (!isNew) expect(now - endedAt.get(value)!).toBeLessThan(MAX_AGE_MS);
          if (isNew) open.push({ key: step.key, value, end: (fails) => (fails ? reject(new Error('failed')) : resolve(step.key)) });
        }
      }),
    );
  });
});
