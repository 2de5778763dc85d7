import { describe, expect, test } from '@jest/globals';
import { quotaExhaustedMessage } from '../../../../app/core/connections/quota.ts';

describe('the API quota of an org', () => {
  test.each([
    ['both limits leave room', 7_499, 13_499, 0.5],
    ["the org's usage is unknown", 1_000_000, undefined, 0.5],
    ['the share is 1, up to 90 % of the limit', 13_499, 13_499, 1],
  ])('allows a call if %s', (_, ours, used, share) => {
    expect(
      quotaExhaustedMessage({ ownCalls: ours, reported: used === undefined ? undefined : { used, limit: 15_000 } }, share),
    ).toBeUndefined();
  });

  test('refuses a call if our share is used up, and says which setting to raise', () => {
    const reason = quotaExhaustedMessage({ ownCalls: 7_500, reported: { used: 8_000, limit: 15_000 } }, 0.5);
    expect(reason).toMatch(/made 7500 .*15000 .* share is 7500 .*API_SHARE 0.5.* raise API_SHARE/);
  });

  test('refuses a call at 90 % of the limit, without blaming our share', () => {
    const reason = quotaExhaustedMessage({ ownCalls: 10, reported: { used: 13_500, limit: 15_000 } }, 0.5);
    expect(reason).toMatch(/used 13500 .*15000 .*, 10 of them by this service \(API_SHARE 0.5\).* raise its limit/);
    expect(reason).not.toContain('raise API_SHARE');
  });
});
