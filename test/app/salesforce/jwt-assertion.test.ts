import { generateKeyPairSync, verify } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { signAssertion } from '../../../app/salesforce/jwt-assertion.ts';

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const NOW = new Date('2023-03-01T00:00:00.900Z');

const read = (part: string | undefined): unknown => JSON.parse(Buffer.from(part!, 'base64url').toString());

test.each([
  ['https://acme.my.salesforce.com', 'https://login.salesforce.com'],
  ['https://acme--dev.sandbox.my.salesforce.com', 'https://test.salesforce.com'],
  ['https://test.salesforce.com', 'https://test.salesforce.com'],
  ['https://acme.develop.my.salesforce.com', 'https://login.salesforce.com'],
])('an assertion for %s is signed for %s and expires within three minutes', (loginUrl, aud) => {
  const assertion = signAssertion({ loginUrl, clientId: '3MVG9' }, 'sync@acme.example', privateKey, NOW);
  const [head, claims, signature] = assertion.split('.');
  expect(read(head)).toEqual({ alg: 'RS256', typ: 'JWT' });
  expect(read(claims)).toEqual({ iss: '3MVG9', sub: 'sync@acme.example', aud, exp: NOW.getTime() / 1000 - 0.9 + 90 });
  expect(verify('RSA-SHA256', Buffer.from(`${head}.${claims}`), publicKey, Buffer.from(signature!, 'base64url'))).toBe(true);
});
