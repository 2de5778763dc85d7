import { expect, test } from '@jest/globals';
import { addressKey, createRateLimit } from '../../../app/http/rate-limits.ts';

test('a rate limit refuses what exceeds it, per key, and says when to try again', async () => {
  const limit = createRateLimit(2, 60);
  await limit.take('one');
  await limit.take('one');
  await expect(limit.take('one')).rejects.toMatchObject({
    code: 'too_many_requests',
    status: 429,
    message: expect.stringMatching(/in \d+ seconds/),
  });
  await limit.take('other');
});

test.each([
  ['203.0.113.9', '203.0.113.9'],
  ['::ffff:203.0.113.9', '203.0.113.9'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001:db8:1:2::6', '2001:db8:1:2'],
  ['2001:db8::6', '2001:db8:0:0'],
  ['::1', '0:0:0:0'],
])('%s counts as %s', (address, key) => {
  expect(addressKey(address)).toBe(key);
});
