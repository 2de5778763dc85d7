import { type KeyObject, sign } from 'node:crypto';

/** Salesforce accepts assertions that expire within three minutes, by its clock: half of that tolerates a skew of 90 seconds either way. */
const LIFETIME_SECONDS = 90;

/**
 * The assertion of the JWT bearer flow: states that the app acts as `username`, signed with the app's key (RS256).
 * @param now the current time
 */
export function signAssertion(
  { loginUrl, clientId }: { loginUrl: string; clientId: string },
  username: string,
  key: KeyObject,
  now: Date,
): string {
  const claims = {
    iss: clientId,
    sub: username,
    aud: audienceOf(loginUrl),
    exp: Math.floor(now.getTime() / 1000) + LIFETIME_SECONDS,
  };
  const text = [{ alg: 'RS256', typ: 'JWT' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${text}.${sign('RSA-SHA256', Buffer.from(text), key).toString('base64url')}`;
}

/** Salesforce's documented audiences: the login host of all production orgs, or that of all sandboxes, not the org's My Domain. */
function audienceOf(loginUrl: string): string {
  const { hostname } = new URL(loginUrl);
  const isSandbox = hostname === 'test.salesforce.com' || hostname.endsWith('.sandbox.my.salesforce.com');
  return isSandbox ? 'https://test.salesforce.com' : 'https://login.salesforce.com';
}
