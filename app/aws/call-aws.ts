import { AwsRequestSigner, type AwsSecurityCredentials } from 'google-auth-library';
import { request } from 'undici';

/** A service of AWS that speaks JSON, in one region. */
export interface AwsService {
  region: string;
  /** usually https://<service>.<region>.amazonaws.com */
  endpoint: string;
  credentials: () => Promise<AwsSecurityCredentials>;
  /** time limit for the whole response; ten seconds by default */
  timeoutMs?: number;
}

const TIMEOUT_MS = 10_000;

/**
 * Calls an operation, for example `AmazonSQS.ReceiveMessage`. Uses google-auth-library's signer: the AWS SDK would add a hundred packages for
 * three calls.
 * @param version of AWS's JSON protocol, which the service's model names
 */
export async function callAws(
  { region, endpoint, credentials, timeoutMs = TIMEOUT_MS }: AwsService,
  target: string,
  version: '1.0' | '1.1',
  input: object,
  signal?: AbortSignal,
): Promise<{ status: number; output: unknown }> {
  const signer = new AwsRequestSigner(credentials, region);
  const body = JSON.stringify(input);
  const signed = await signer.getRequestOptions({
    url: endpoint,
    method: 'POST',
    data: body,
    headers: { 'content-type': `application/x-amz-json-${version}`, 'x-amz-target': target },
  });
  const headers = Object.fromEntries(new Headers(signed.headers));
  const limit = AbortSignal.timeout(timeoutMs);
  const response = await request(endpoint, { method: 'POST', body, headers, signal: signal ? AbortSignal.any([limit, signal]) : limit });
  if (response.statusCode === 200) return { status: 200, output: await response.body.json() };
  await response.body.dump();
  return { status: response.statusCode, output: undefined };
}
