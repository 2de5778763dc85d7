import { AwsRequestSigner, type AwsSecurityCredentials } from 'google-auth-library';
import { request } from 'undici';

export interface SecretStore {
  region: string;
  /** https://secretsmanager.<region>.amazonaws.com, or another */
  endpoint: string;
  credentials: () => Promise<AwsSecurityCredentials>;
  /** when Secrets Manager has not answered in whole for so long, it failed; ten seconds where nothing is said */
  answerMs?: number;
}

const ANSWER_MS = 10_000;

/** Reads the current text of a secret. The signer is google-auth-library's: AWS's own SDK would be a hundred packages for this one call. */
export async function readSecret({ region, endpoint, credentials, answerMs = ANSWER_MS }: SecretStore, arn: string): Promise<string> {
  const signer = new AwsRequestSigner(credentials, region);
  const body = JSON.stringify({ SecretId: arn });
  const signed = await signer.getRequestOptions({
    url: endpoint,
    method: 'POST',
    data: body,
    headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': 'secretsmanager.GetSecretValue' },
  });
  const headers = Object.fromEntries(new Headers(signed.headers));
  const response = await request(endpoint, { method: 'POST', body, headers, signal: AbortSignal.timeout(answerMs) });
  if (response.statusCode !== 200) {
    await response.body.dump();
    throw new Error(`Secrets Manager answered ${response.statusCode}: check that the task's role may read the secret of DB_SECRET_ARN`);
  }
  const { SecretString } = (await response.body.json()) as { SecretString?: string };
  if (SecretString === undefined) throw new Error('the secret of DB_SECRET_ARN holds no text');
  return SecretString;
}
