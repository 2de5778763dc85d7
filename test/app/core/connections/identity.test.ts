import { expect, test } from '@jest/globals';
import { parseIdentityUrl, toLongId } from '../../../../app/core/connections/identity.ts';

test('reads the ids of an identity URL with any host, in 15 or 18 characters', () => {
  const long = { orgId: '00D1U000000rQgaUAE', userId: '0051U0000022xRgQAI' };
  expect(parseIdentityUrl('https://login.salesforce.com/id/00D1U000000rQgaUAE/0051U0000022xRgQAI')).toEqual(long);
  expect(parseIdentityUrl('https://acme.my.salesforce.com/id/00D1U000000rQgaUAE/0051U0000022xRgQAI')).toEqual(long);
  expect(parseIdentityUrl('https://login.salesforce.com/id/00D1U000000rQga/0051U0000022xRg')).toEqual(long);
});

test.each([
  '',
  'user_1',
  'https://login.salesforce.com',
  'https://x/id/0051U0000022xRgQAI/00D1U000000rQgaUAE',
  'https://x/id/00D1U000000rQgaUAE',
])('refuses %j as an identity URL', (text) => {
  expect(parseIdentityUrl(text)).toBeUndefined();
});

test("appends Salesforce's checksum to a 15-character id", () => {
  expect(toLongId('7507Q000009f8jv')).toBe('7507Q000009f8jvQAA');
  expect(toLongId('0057Q0000037T8Q')).toBe('0057Q0000037T8QQAU');
  expect(toLongId('7507Q000009f8jvQAA')).toBe('7507Q000009f8jvQAA');
});
