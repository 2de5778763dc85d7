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
  answerMs?: number;
}

interface Answer {
  AccessKeyId: string;
  SecretAccessKey: string;
  Token: string;
  Expiration: string;
}

/** Short, because the endpoint is on the task's own host. */
const ANSWER_MS = 5_000;

/** Refresh credentials this long before they expire. */
const MARGIN_MS = 5 * 60_000;

/** Returns the task role's credentials, cached until shortly before they expire. google-auth-library neither supports ECS nor caches them. */
export function taskCredentials(endpoint: CredentialsEndpoint): () => Promise<AwsSecurityCredentials> {
  let known: { credentials: AwsSecurityCredentials; until: number } | undefined;
  return async () => {
    if (known && Date.now() < known.until) return known.credentials;
    const answer = await ask(endpoint);
    known = {
      credentials: { accessKeyId: answer.AccessKeyId, secretAccessKey: answer.SecretAccessKey, token: answer.Token },
      until: Date.parse(answer.Expiration) - MARGIN_MS,
    };
    return known.credentials;
  };
}

async function ask({ url, token, tokenFile, answerMs = ANSWER_MS }: CredentialsEndpoint): Promise<Answer> {
  const authorization = tokenFile ? (await readFile(tokenFile, 'utf8')).trim() : token;
  const { statusCode, body } = await request(url, {
    headers: authorization ? { authorization } : {},
    signal: AbortSignal.timeout(answerMs),
  });
  if (statusCode === 200) return (await body.json()) as Answer;
  await body.dump();
  throw new Error(`The credentials endpoint of the task returned HTTP ${statusCode}.`);
}
