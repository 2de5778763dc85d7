import { expect, test } from '@jest/globals';
import { isInstanceHost, isLoginHost } from '../../../app/salesforce/instance-host.ts';

const LOGIN = ['https://acme.my.salesforce.com', 'https://login.acme.example'];

test.each([
  'https://acme.my.salesforce.com',
  'https://acme--dev.sandbox.my.salesforce.com',
  'https://na139.salesforce.com',
  'https://acme.my.salesforce.mil',
  'https://acme.secure.force.com',
  'https://acme.my.sfcrmproducts.cn',
  'https://login.acme.example',
  'https://Acme.my.salesforce.com/',
])('sends tokens to %s', (url) => {
  expect(isInstanceHost(url, LOGIN)).toBe(true);
});

test.each([
  'http://acme.my.salesforce.com',
  'https://salesforce.com.example.org',
  'https://evilsalesforce.com',
  'https://acme.my.salesforce.com@example.org',
  'https://example.org/acme.my.salesforce.com',
  'https://acme.my.salesforce.com/path',
  'https://acme.my.salesforce.com?x',
  'https://acme.my.salesforce.com#x',
  'https:/acme.my.salesforce.com',
  'https://acme.my.salesforce.com\\.example.org',
  ' https://acme.my.salesforce.com',
  'https://login.acme.example:8443',
  'https://acme.my.salesforce.com:8443',
  'https://acme.my.salesforce.com:443',
  'https://acme.my.salesforce.com.',
  'https://acme.my.salesforce.com..',
  'https://acme.my.salesforce.com%2eexample.org',
  'https://acme.my.salesforce.com%00.example.org',
  'https://acme.my.salesforce.com\t.example.org',
  'https://acme.my.salesforce.com\n',
  'https://acme.my.salesforce。com',
  'https://acme.my.ѕalesforce.com',
  'https://acme.my.xn--alesforce-c6i.com',
  'https://user@acme.my.salesforce.com',
  'https://:@acme.my.salesforce.com',
  'https:\\\\acme.my.salesforce.com',
  'https:acme.my.salesforce.com',
  '//acme.my.salesforce.com',
  'https://.salesforce.com',
  'https://salesforce.com',
  'https://acme.my.salesforce.com//',
  'https://login.acme.example.',
  'https://LOGIN.acme.example:444',
  'http://127.0.0.1:4000',
  'https://localhost',
  'https://2130706433',
  'https://0x7f.1',
  'https://[::ffff:127.0.0.1]',
  'https://0.0.0.0',
  'javascript:alert(1)',
  'file:///etc/passwd',
  'not a URL',
])('sends no tokens to %s', (url) => {
  expect(isInstanceHost(url, LOGIN)).toBe(false);
});

test.each([
  ['https://acme.my.salesforce.com', true],
  ['http://127.0.0.1:4000', true],
  ['https://login.acme.example', true],
  ['http://acme.my.salesforce.com', false],
  ['https://acme.example', false],
])('sends the secret of an app to %s: %s', (url, sends) => {
  expect(isLoginHost(url, ['https://login.acme.example'])).toBe(sends);
});

test('accepts a local instance if the login host is local too', () => {
  expect(isInstanceHost('http://127.0.0.1:4000', ['http://localhost:5000'])).toBe(true);
});
