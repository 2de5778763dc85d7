import { type AwsService, callAws } from './call-aws.ts';

/** Reads the current value of a secret from Secrets Manager. */
export async function readSecret(store: AwsService, arn: string): Promise<string> {
  const { status, output } = await callAws(store, 'secretsmanager.GetSecretValue', '1.1', { SecretId: arn });
  if (status !== 200) {
    throw new Error(`Secrets Manager returned HTTP ${status}. Check that the task role may read the secret DB_SECRET_ARN.`);
  }
  const { SecretString } = output as { SecretString?: string };
  if (SecretString === undefined) throw new Error('The secret DB_SECRET_ARN contains no text.');
  return SecretString;
}
