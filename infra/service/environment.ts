import * as pulumi from '@pulumi/pulumi';
import type { Settings } from '../config.ts';
import type { Database } from '../database.ts';
import { type DatabaseLogins, OWNER, RUNTIME } from '../database-logins.ts';
import { APP_PORT } from '../network/ports.ts';
import type { TickQueue } from '../tick-queue.ts';
import type { Warehouse } from '../warehouse.ts';

/** Where the Dockerfile puts the certificates of RDS's certificate authorities. */
const DATABASE_AUTHORITIES = '/app/rds-authorities.pem';

/** The app's environment variables that are not secret: addresses, names and limits. */
export function appEnvironment(
  settings: Settings,
  database: Database,
  logins: DatabaseLogins,
  warehouse: Warehouse,
  tickQueue: TickQueue | undefined,
): Record<string, pulumi.Input<string>> {
  const { app, google, ingress } = settings;
  return {
    HOST: '0.0.0.0',
    PORT: String(APP_PORT),
    // Without a load balancer, where the tunnel ends.
    PUBLIC_URL: ingress ? `https://${ingress.domainName}` : `http://localhost:${APP_PORT}`,
    TRUSTED_PROXY_HOPS: ingress ? '1' : '0',
    ...(tickQueue ? { TICK_QUEUE_URL: tickQueue.queue.url } : {}),

    ...databaseEnvironment(database, RUNTIME),
    DB_SECRET_ARN: logins.runtime.arn,
    // It may not migrate: the other container has.
    MIGRATIONS: 'check',

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

/** The environment variables of the container that migrates the job store, those that are not secret. */
export function migrationEnvironment(settings: Settings, database: Database): Record<string, pulumi.Input<string>> {
  return {
    ...databaseEnvironment(database, OWNER),
    RUNTIME_USER: RUNTIME,
    ...(settings.database.setUp && { MASTER_USER: database.master }),
  };
}

/**
 * References of its secrets. The master's password is among them only for set-up. The run-time role's is the current version, which the app
 * reads too: an earlier task definition, after a rollback, would set an earlier one.
 */
export function migrationSecrets(settings: Settings, database: Database, logins: DatabaseLogins): Record<string, pulumi.Input<string>> {
  // Resolves once there is a version.
  const runtime = pulumi.all([logins.runtime.arn, logins.runtime.versionId]).apply(([arn]) => arn);
  return {
    PGPASSWORD: logins.owner.reference,
    RUNTIME_PASSWORD: pulumi.interpolate`${runtime}:password::`,
    ...(settings.database.setUp && { MASTER_PASSWORD: pulumi.interpolate`${database.masterSecretArn}:password::` }),
  };
}

function databaseEnvironment(database: Database, user: string): Record<string, pulumi.Input<string>> {
  return {
    PGHOST: database.host,
    PGPORT: String(database.port),
    PGDATABASE: database.database,
    PGUSER: user,
    // The server's certificate must match the host name and be signed by one of these authorities.
    PGSSLMODE: 'verify-full',
    PGSSLROOTCERT: DATABASE_AUTHORITIES,
  };
}
