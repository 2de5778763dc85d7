import type * as pulumi from '@pulumi/pulumi';
import type { Settings } from './config.ts';
import type { Database } from './database.ts';
import { APP_PORT } from './ports.ts';
import type { Warehouse } from './warehouse.ts';

/** Where the Dockerfile puts the certificates of RDS's certificate authorities. */
const DATABASE_AUTHORITIES = '/app/rds-authorities.pem';

/** The app's environment variables that are not secret: addresses, names and limits. */
export function appEnvironment(settings: Settings, database: Database, warehouse: Warehouse): Record<string, pulumi.Input<string>> {
  const { app, google, ingress } = settings;
  return {
    HOST: '0.0.0.0',
    PORT: String(APP_PORT),
    PUBLIC_URL: `https://${ingress.domainName}`,
    TRUSTED_PROXY_HOPS: '1',

    PGHOST: database.host,
    PGPORT: String(database.port),
    PGDATABASE: database.database,
    PGUSER: database.user,
    // The server's certificate must match the host name and be signed by one of these authorities.
    PGSSLMODE: 'verify-full',
    PGSSLROOTCERT: DATABASE_AUTHORITIES,
    DB_SECRET_ARN: database.secretArn,

    SALESFORCE_API_VERSION: app.salesforceApiVersion,
    ...(app.salesforceGzip && { SALESFORCE_GZIP: app.salesforceGzip }),
    ...(app.salesforceComposite && { SALESFORCE_COMPOSITE: app.salesforceComposite }),
    ...(app.bigqueryUpload && { BIGQUERY_UPLOAD: app.bigqueryUpload }),

    ...(app.alertEvents && { ALERT_EVENTS: app.alertEvents }),
    ...(app.alertFormat && { ALERT_FORMAT: app.alertFormat }),

    GOOGLE_CLOUD_PROJECT: google.project,
    BIGQUERY_LOCATION: google.location,
    BIGQUERY_DATASETS: google.datasets.join(','),
    BIGQUERY_STAGING_DATASET: google.stagingDataset,
    BIGQUERY_DAILY_GB_PER_JOB: String(app.bigqueryDailyGbPerJob),
    AWS_REGION: settings.region,
    WIF_AUDIENCE: warehouse.audience,
    GCP_SERVICE_ACCOUNT: warehouse.serviceAccount,

    // The dashboard shows them.
    METRICS_NAMESPACE: settings.name,

    WORKERS: String(app.workers),
    RUNS_PER_CONNECTION: String(app.runsPerConnection),
    API_SHARE: String(app.apiShare),
    LAG_MINUTES: String(app.lagMinutes),
    OVERLAP_MINUTES: String(app.overlapMinutes),
    RUN_RETENTION_DAYS: String(app.runRetentionDays),
  };
}
