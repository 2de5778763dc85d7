import type { Dispatcher } from 'undici';
import { AppError, externalErrorCode } from '../errors.ts';
import { readResponse, type SalesforceResponse } from './transport.ts';

const TOTAL_MS = 30_000;

/** The OAuth errors of a token that is not valid any more, and so needs no revocation. */
const INVALID = ['invalid_token', 'unsupported_token_type', 'invalid_grant'];

/**
 * Ends the grant of a refresh token in Salesforce, with its sessions, or the session of an access token.
 * @returns false if the token was no longer valid
 * @throws AppError salesforce_unavailable if the login host did neither
 */
export async function revokeToken(dispatcher: Dispatcher, loginUrl: string, token: string): Promise<boolean> {
  const request = {
    method: 'POST',
    url: `${loginUrl}/services/oauth2/revoke`,
    headers: { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ token }).toString(),
  };
  const response = await readResponse(dispatcher, request, { signal: undefined, totalMs: TOTAL_MS }).catch((error: unknown) => {
    throw notRevokedError(loginUrl, `no usable response: ${externalErrorCode(error) ?? (error as Error).name}`, error);
  });
  if (response.status === 200) return true;
  if (response.status === 400 && INVALID.includes(errorOf(response))) return false;
  throw notRevokedError(loginUrl, `HTTP ${response.status}`);
}

function errorOf({ body }: SalesforceResponse): string {
  try {
    return String((JSON.parse(body.toString('utf8')) as { error?: unknown } | null)?.error);
  } catch {
    return '';
  }
}

function notRevokedError(loginUrl: string, why: string, cause?: unknown): AppError {
  return new AppError('salesforce_unavailable', `The login host ${loginUrl} did not revoke the grant (${why}).`, { cause });
}
