import { expect, test } from '@jest/globals';
import { parseMyDomain } from '../../../../app/local/connect/my-domain.ts';

test.each([
  ['acme', 'https://acme.my.salesforce.com'],
  [' Acme.my.salesforce.com/ ', 'https://acme.my.salesforce.com'],
  ['https://acme.lightning.force.com/lightning/page/home', 'https://acme.my.salesforce.com'],
  ['acme--dev.sandbox.lightning.force.com', 'https://acme--dev.sandbox.my.salesforce.com'],
  [
    'https://acme-dev-ed.develop.my.salesforce-setup.com/lightning/setup/SetupOneHome/home',
    'https://acme-dev-ed.develop.my.salesforce.com',
  ],
  ['acme.my.salesforce.mil', 'https://acme.my.salesforce.mil'],
  ['http://127.0.0.1:4445/', 'http://127.0.0.1:4445'],
])('%s means %s', (text, loginUrl) => {
  expect(parseMyDomain(text)).toBe(loginUrl);
});

test.each([
  '',
  'login.salesforce.com',
  'https://test.salesforce.com/',
  'acme.example.com',
  'salesforce.com.example.com',
  'https://user:pass@acme.my.salesforce.com',
  'acme my domain',
])('%j names no org', (text) => {
  expect(parseMyDomain(text)).toBeUndefined();
});
