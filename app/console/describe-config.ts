import type { Config } from '../config.ts';

/** A setting as it is in effect. Secrets only show whether they are set. */
export interface ShownSetting {
  /** of its variable */
  name: string;
  value: string;
}

/** The effective configuration, by subject, without any secret. */
export function describeConfig(config: Config): { subject: string; settings: ShownSetting[] }[] {
  const { http, salesforce, bigquery, webhook, federation, proxy } = config;
  return [
    {
      subject: 'Service',
      settings: [
        setting('HOST', http.host),
        setting('PORT', http.port),
        setting('PUBLIC_URL', http.publicUrl),
        setting('TRUSTED_PROXY_HOPS', http.proxyHops),
        setting('REQUESTS_PER_SECOND', http.requestsPerSecond),
        setting('WRONG_KEYS_PER_MINUTE', http.wrongKeysPerMinute),
        setting('WORKERS', config.workers),
        setting('RUNS_PER_CONNECTION', config.runsPerConnection),
        setting('RUN_RETENTION_DAYS', config.runRetentionDays),
        setting('TOKEN_KEYS', config.tokenKeys.length === 1 ? '1 key' : `${config.tokenKeys.length} keys`),
        setting('HASH_SALT', config.hashSalt === undefined ? undefined : 'set'),
      ],
    },
    {
      subject: 'Job store',
      settings: [setting('DATABASE_URL', describeDatabase(config.database))],
    },
    {
      subject: 'Salesforce',
      settings: [
        setting('Login hosts with an app', salesforce.apps.map(({ loginUrl }) => loginUrl).join(', ')),
        setting(
          'With a key for JWT',
          salesforce.apps.flatMap(({ loginUrl, jwtKey }) => (jwtKey ? [loginUrl] : [])).join(', ') || undefined,
        ),
        setting('SALESFORCE_HOSTS', salesforce.hosts.join(', ') || undefined),
        setting('SALESFORCE_API_VERSION', salesforce.apiVersion),
        setting('SALESFORCE_GZIP', salesforce.gzip ? 'on' : 'off'),
        setting('SALESFORCE_COMPOSITE', salesforce.composite ? 'on' : 'off'),
        setting('API_SHARE', config.apiShare),
        setting('LAG_MINUTES', config.lagMinutes),
        setting('OVERLAP_MINUTES', config.overlapMinutes),
      ],
    },
    {
      subject: 'BigQuery',
      settings: [
        setting('GOOGLE_CLOUD_PROJECT', bigquery.project),
        setting('BIGQUERY_LOCATION', bigquery.location),
        setting('BIGQUERY_API_ENDPOINT', bigquery.endpoint && hostOf(bigquery.endpoint)),
        setting('BIGQUERY_DATASETS', bigquery.datasets.join(', ')),
        setting('BIGQUERY_STAGING_DATASET', bigquery.stagingDataset),
        setting('BIGQUERY_DAILY_GB_PER_JOB', bigquery.dailyBytesPerJob / 1e9),
        setting('BIGQUERY_UPLOAD', bigquery.upload),
        setting('GCP_SERVICE_ACCOUNT', federation?.serviceAccount),
      ],
    },
    {
      subject: 'Alerts and network',
      settings: [
        setting('ALERT_WEBHOOK_URL', webhook && 'set'),
        setting('ALERT_FORMAT', webhook?.format),
        setting('ALERT_EVENTS', webhook?.events.join(', ')),
        setting('ALERT_WEBHOOK_SECRET', webhook?.secret && 'set'),
        setting('METRICS_NAMESPACE', config.metricsNamespace),
        setting('HTTPS_PROXY', proxy.httpsProxy ? hostOf(proxy.httpsProxy) : undefined),
      ],
    },
  ];
}

function setting(name: string, value: string | number | undefined): ShownSetting {
  return { name, value: value === undefined || value === '' ? 'not set' : String(value) };
}

/** Without user and password. */
function describeDatabase(database: Config['database']): string {
  if ('url' in database) return `${hostOf(database.url)}${URL.parse(database.url)?.pathname ?? ''}`;
  return `${database.host}:${database.port}/${database.database}`;
}

/** A URL may contain a password. */
function hostOf(url: string): string {
  return URL.parse(url)?.host ?? 'set';
}
