import { readFile } from 'node:fs/promises';
import type { AwsSecurityCredentials } from 'google-auth-library';
import { request } from 'undici';

/** Where ECS gives a task the credentials of its role. */
export interface CredentialsEndpoint {
  url: string;
  /** sent as Authorization, where the endpoint wants it; read anew each time, since its file changes */
  token: string | undefined;
  tokenFile: string | undefined;
  /** when it has not answered in whole for so long, it failed; five seconds where nothing is said */
  answerMs?: number;
}

interface Answer {
  AccessKeyId: string;
  SecretAccessKey: string;
  Token: string;
  Expiration: string;
}

/** It is in the machine that the task runs on. */
const ANSWER_MS = 5_000;

/** They are asked for again when they have less than this to live. */
const MARGIN_MS = 5 * 60_000;

/** Gives the credentials of the task's role, kept until shortly before they end: google-auth-library neither knows ECS nor keeps them. */
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
  throw new Error(`the task's credentials endpoint answered ${statusCode}`);
}
