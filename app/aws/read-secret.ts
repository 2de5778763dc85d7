import { AwsRequestSigner, type AwsSecurityCredentials } from 'google-auth-library';
import { request } from 'undici';

export interface SecretsManager {
  region: string;
  /** usually https://secretsmanager.<region>.amazonaws.com */
  endpoint: string;
  credentials: () => Promise<AwsSecurityCredentials>;
  /** time limit for the whole response; ten seconds by default */
  timeoutMs?: number;
}

const TIMEOUT_MS = 10_000;

/** Reads the current value of a secret. Uses google-auth-library's signer: the AWS SDK would add a hundred packages for this one call. */
export async function readSecret({ region, endpoint, credentials, timeoutMs = TIMEOUT_MS }: SecretsManager, arn: string): Promise<string> {
  const signer = new AwsRequestSigner(credentials, region);
  const body = JSON.stringify({ SecretId: arn });
  const signed = await signer.getRequestOptions({
    url: endpoint,
    method: 'POST',
    data: body,
    headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': 'secretsmanager.GetSecretValue' },
  });
  const headers = Object.fromEntries(new Headers(signed.headers));
  const response = await request(endpoint, { method: 'POST', body, headers, signal: AbortSignal.timeout(timeoutMs) });
  if (response.statusCode !== 200) {
    await response.body.dump();
    throw new Error(`Secrets Manager returned HTTP ${response.statusCode}. Check that the task role may read the secret DB_SECRET_ARN.`);
  }
  const { SecretString } = (await response.body.json()) as { SecretString?: string };
  if (SecretString === undefined) throw new Error('The secret DB_SECRET_ARN contains no text.');
  return SecretString;
}
