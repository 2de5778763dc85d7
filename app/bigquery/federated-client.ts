import { AwsClient, type AwsSecurityCredentials } from 'google-auth-library';

export interface Federation {
  /** //iam.googleapis.com/projects/…/workloadIdentityPools/…/providers/… */
  audience: string;
  /** the service account that is acted as */
  serviceAccount: string;
  region: string;
  credentials: () => Promise<AwsSecurityCredentials>;
}

const STS = 'https://sts.googleapis.com';
const IAM_CREDENTIALS = 'https://iamcredentials.googleapis.com';

/**
 * Credentials without a key: AWS vouches for the task, Google's STS takes its word, and the service account lends a token.
 * @param sts, iamCredentials other hosts than Google's
 */
export function federatedClient(federation: Federation, scope: string, sts = STS, iamCredentials = IAM_CREDENTIALS): AwsClient {
  const { audience, serviceAccount, region, credentials } = federation;
  const account = encodeURIComponent(serviceAccount);
  const client = new AwsClient({
    type: 'external_account',
    audience,
    subject_token_type: 'urn:ietf:params:aws:token-type:aws4_request',
    token_url: `${sts}/v1/token`,
    service_account_impersonation_url: `${iamCredentials}/v1/projects/-/serviceAccounts/${account}:generateAccessToken`,
    aws_security_credentials_supplier: { getAwsRegion: async () => region, getAwsSecurityCredentials: credentials },
  });
  client.scopes = [scope];
  return client;
}
