import { describe, expect, test } from '@jest/globals';
import { whyNoCall } from '../../../app/core/quota.ts';

describe('whether to call an org', () => {
  test.each([
    ['there is room', 7_499, 13_499, 0.5],
    ['only a call can tell', 1_000_000, undefined, 0.5],
    ['all of it is ours to use, up to nine tenths', 13_499, 13_499, 1],
  ])('yes, where %s', (_, ours, used, share) => {
    expect(whyNoCall({ ours, told: used === undefined ? undefined : { used, limit: 15_000 } }, share)).toBeUndefined();
  });

  test('no, where our share is made; the sentence tells it, and what to raise', () => {
    const reason = whyNoCall({ ours: 7_500, told: { used: 8_000, limit: 15_000 } }, 0.5);
    expect(reason).toMatch(/made 7500 .*15000 .* share is 7500 .*API_SHARE 0.5.* raise API_SHARE/);
  });

  test('no, where the org has made nine tenths, whoever did; the sentence does not blame our share', () => {
    const reason = whyNoCall({ ours: 10, told: { used: 13_500, limit: 15_000 } }, 0.5);
    expect(reason).toMatch(/used 13500 .*15000 .*, 10 of them by this service \(API_SHARE 0.5\).* raise its limit/);
    expect(reason).not.toContain('raise API_SHARE');
  });
});
