import { readFile } from 'node:fs/promises';
import type { AwsSecurityCredentials } from 'google-auth-library';
import { request } from 'undici';

/** The endpoint on which ECS serves the credentials of the task role. */
export interface CredentialsEndpoint {
  url: string;
  /** the Authorization header, if the endpoint requires one; `tokenFile` is read on every request because its content changes */
  token: string | undefined;
  tokenFile: string | undefined;
  /** time limit for the whole response; five seconds by default */
  timeoutMs?: number;
}

interface CredentialsResponse {
  AccessKeyId: string;
  SecretAccessKey: string;
  Token: string;
  Expiration: string;
}

/** Short, because the endpoint is on the task's own host. */
const TIMEOUT_MS = 5_000;

/** Refresh credentials this long before they expire. */
const REFRESH_MARGIN_MS = 5 * 60_000;

/** Returns the task role's credentials, cached until shortly before they expire. google-auth-library neither supports ECS nor caches them. */
export function taskCredentials(endpoint: CredentialsEndpoint): () => Promise<AwsSecurityCredentials> {
  let known: { credentials: AwsSecurityCredentials; until: number } | undefined;
  return async () => {
    if (known && Date.now() < known.until) return known.credentials;
    const answer = await fetchCredentials(endpoint);
    known = {
      credentials: { accessKeyId: answer.AccessKeyId, secretAccessKey: answer.SecretAccessKey, token: answer.Token },
      until: Date.parse(answer.Expiration) - REFRESH_MARGIN_MS,
    };
    return known.credentials;
  };
}

async function fetchCredentials({ url, token, tokenFile, timeoutMs = TIMEOUT_MS }: CredentialsEndpoint): Promise<CredentialsResponse> {
  const authorization = tokenFile ? (await readFile(tokenFile, 'utf8')).trim() : token;
  const { statusCode, body } = await request(url, {
    headers: authorization ? { authorization } : {},
    signal: AbortSignal.timeout(timeoutMs),
  });
  if (statusCode === 200) return (await body.json()) as CredentialsResponse;
  await body.dump();
  throw new Error(`The credentials endpoint of the task returned HTTP ${statusCode}.`);
}
