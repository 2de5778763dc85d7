import { expect, test } from '@jest/globals';
import { PageRequests } from '../../../app/http/pages/page-requests.ts';

const REFUSED = { code: 'too_many_requests', status: 429, message: expect.stringMatching(/Try again in \d+ seconds/) };

test('requests for pages are limited per address, and the error says when to try again', async () => {
  const requests = new PageRequests(2);
  await requests.count('203.0.113.9');
  await requests.count('203.0.113.9');
  await expect(requests.count('203.0.113.9')).rejects.toMatchObject(REFUSED);
  await requests.count('203.0.113.10');
});

test.each([
  ['203.0.113.9', '::ffff:203.0.113.9', true],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::9', true],
  ['2001:db8::6', '2001:db8:0:0:7::', true],
  ['2001:db8:1:2::9', '2001:db8:1:3::9', false],
  ['203.0.113.9', '203.0.113.10', false],
])('%s and %s count together: %s', async (one, other, together) => {
  const requests = new PageRequests(1);
  await requests.count(one);
  const counted = requests.count(other);
  await (together ? expect(counted).rejects.toMatchObject(REFUSED) : counted);
});
