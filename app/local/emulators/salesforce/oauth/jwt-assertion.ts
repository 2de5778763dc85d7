import { createPublicKey, verify } from 'node:crypto';
import { OAuthError } from './oauth-error.ts';

/** Tolerance for clock skew between the client and Salesforce. */
const MAX_LIFETIME_SECONDS = 180;
const MAX_CERTIFICATE_LENGTH = 4096;
const AUDIENCES = ['https://login.salesforce.com', 'https://test.salesforce.com'];

/** The certificate that an admin uploaded for the app. */
export interface JwtKey {
  /** PEM of a certificate or of a public key. */
  pem: string | undefined;
}

/** Sets the certificate. Throws if it is invalid, or larger than Salesforce allows. */
export function uploadCertificate(key: JwtKey, pem: string): void {
  if (pem.length > MAX_CERTIFICATE_LENGTH) throw new Error('The certificate is larger than 4 KB.');
  createPublicKey(pem);
  key.pem = pem;
}

interface Claims {
  iss?: string;
  sub?: string;
  /** Takes precedence over sub. */
  prn?: string;
  aud?: string;
  exp?: number;
}

/** The app's key and the username of an RS256 assertion. Throws invalid_grant. */
export function readAssertion(assertion: string, { pem }: JwtKey, loginUrl: string): { clientId: string; username: string } {
  const [head = '', body = '', signature = ''] = assertion.split('.');
  const claims = decoded<Claims>(body);
  const isSigned =
    decoded<{ alg?: string }>(head).alg === 'RS256' &&
    pem !== undefined &&
    verify('RSA-SHA256', Buffer.from(`${head}.${body}`), pem, Buffer.from(signature, 'base64url'));
  const now = Date.now() / 1000;
  const isTimely = typeof claims.exp === 'number' && claims.exp > now && claims.exp <= now + MAX_LIFETIME_SECONDS;
  if (!isSigned || !isTimely) throw new OAuthError('invalid_grant', 'invalid assertion');
  if (![...AUDIENCES, loginUrl].includes(claims.aud ?? '')) throw new OAuthError('invalid_grant', 'Audience validation failed');
  return { clientId: claims.iss ?? '', username: claims.prn ?? claims.sub ?? '' };
}

function decoded<T>(part: string): T {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString('utf8')) as T;
  } catch {
    throw new OAuthError('invalid_grant', 'invalid assertion');
  }
}
