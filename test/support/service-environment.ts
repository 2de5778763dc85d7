import type { BigQueryEmulator } from '../../app/local/emulators/bigquery/rest/bigquery.ts';
import type { SalesforceEmulator } from '../../app/local/emulators/salesforce/salesforce.ts';

/** The environment of a service that uses these emulators, without API keys. */
export function serviceEnvironment(
  databaseUrl: string,
  salesforce: SalesforceEmulator,
  bigquery: BigQueryEmulator,
): Record<string, string> {
  return {
    DATABASE_URL: databaseUrl,
    SALESFORCE_LOGIN_URL: salesforce.loginUrl,
    SALESFORCE_CLIENT_ID: salesforce.clientId,
    SALESFORCE_CLIENT_SECRET: salesforce.clientSecret,
    GOOGLE_CLOUD_PROJECT: bigquery.project,
    BIGQUERY_LOCATION: bigquery.location,
    BIGQUERY_API_ENDPOINT: bigquery.url,
    TOKEN_KEYS: Buffer.from('0123456789abcdef0123456789abcdef').toString('base64'),
  };
}
