import { AwsClient, type AwsSecurityCredentials } from 'google-auth-library';

export interface Federation {
  /** //iam.googleapis.com/projects/…/workloadIdentityPools/…/providers/… */
  audience: string;
  /** the service account to impersonate */
  serviceAccount: string;
  /** token service hosts, if not Google's */
  hosts?: { sts: string; iamCredentials: string };
  region: string;
  credentials: () => Promise<AwsSecurityCredentials>;
}

const GOOGLE = { sts: 'https://sts.googleapis.com', iamCredentials: 'https://iamcredentials.googleapis.com' };

/** Keyless credentials: Google's STS exchanges a signed AWS request for a token that impersonates the service account. */
export function createFederatedClient(federation: Federation, scope: string): AwsClient {
  const { audience, serviceAccount, hosts = GOOGLE, region, credentials } = federation;
  const account = encodeURIComponent(serviceAccount);
  const client = new AwsClient({
    type: 'external_account',
    audience,
    subject_token_type: 'urn:ietf:params:aws:token-type:aws4_request',
    token_url: `${hosts.sts}/v1/token`,
    service_account_impersonation_url: `${hosts.iamCredentials}/v1/projects/-/serviceAccounts/${account}:generateAccessToken`,
    aws_security_credentials_supplier: { getAwsRegion: async () => region, getAwsSecurityCredentials: credentials },
  });
  client.scopes = [scope];
  return client;
}
