import { createPrivateKey, type KeyObject } from 'node:crypto';
import { type AwsConfig, readAws, readMetricsNamespace } from './aws/aws-config.ts';
import type { Federation } from './bigquery/create-federated-client.ts';
import { type DatabaseConfig, readDatabase } from './database-config.ts';
import { EnvReader } from './env-reader.ts';
import { isLoginHost } from './salesforce/instance-host.ts';
import type { SalesforceApp } from './salesforce/oauth.ts';
import { readWebhook, type WebhookConfig } from './webhooks/webhook-config.ts';

/** What a key may do. The schedule uses `tick`, which may start due runs and read nothing. */
export type Role = 'read' | 'data' | 'operate' | 'admin' | 'tick';

export interface ApiKey {
  name: string;
  role: Role;
  /** of the key itself, which is never stored */
  sha256: Buffer;
}

/** Keyless access to Google from an ECS task. */
export type FederationConfig = Omit<Federation, 'region' | 'credentials'>;

/** All settings, read once at startup. */
export interface Config {
  http: {
    host: string;
    port: number;
    keys: ApiKey[];
    keyless: boolean;
    /** our public address without a trailing slash; undefined if unknown: it is never inferred from a request */
    publicUrl: string | undefined;
    /** number of trusted proxies in front of us, which is how many trailing X-Forwarded-For entries we trust */
    proxyHops: number;
    /** from one address; further keys of it are then not checked for a minute */
    wrongKeysPerMinute: number;
    /** of one key */
    requestsPerSecond: number;
  };
  database: DatabaseConfig;
  /** whether `serve` migrates the job store, or requires that `migrate` has */
  migrations: 'run' | 'check';
  salesforce: {
    apps: SalesforceApp[];
    /** as URLs: hosts that are trusted like Salesforce's own, although they are not under its domains */
    hosts: string[];
    apiVersion: string;
    gzip: boolean;
    /** whether windows may share calls */
    composite: boolean;
    /** whether connections through the login of the Salesforce CLI are used: on one machine only */
    trials: boolean;
  };
  bigquery: {
    project: string;
    location: string;
    endpoint: string | undefined;
    datasets: string[];
    stagingDataset: string;
    dailyBytesPerJob: number;
    upload: 'resumable' | 'multipart';
  };
  /** proxies for outgoing requests, from the usual variables; loopback requests bypass them */
  proxy: { httpProxy: string; httpsProxy: string; noProxy: string };
  federation: FederationConfig | undefined;
  /** set if the task role is needed, for the database password or for Google */
  aws: AwsConfig | undefined;
  /** newest first */
  tokenKeys: Buffer[];
  /** before every value that is hashed; undefined: jobs cannot hash fields */
  hashSalt: string | undefined;
  workers: number;
  runsPerConnection: number;
  lagMinutes: number;
  overlapMinutes: number;
  /** the share of an org's daily API calls that we may use */
  apiShare: number;
  /** how long finished runs are kept */
  runRetentionDays: number;
  /** where to send alerts; undefined: nowhere */
  webhook: WebhookConfig | undefined;
  /** the CloudWatch namespace of the metrics in the log; undefined: none */
  metricsNamespace: string | undefined;
  /** endpoint that returns the schedule's current time; undefined: use the system clock */
  scheduleClockUrl: string | undefined;
}

/** The address of the job store, and the keys of its sealed texts. */
export type StoreConfig = Pick<Config, 'database' | 'aws' | 'tokenKeys'>;

/** The first dataset: the default of new jobs, and the one with the service's `_installation`. */
export function homeDataset({ bigquery }: Pick<Config, 'bigquery'>): string {
  return bigquery.datasets[0]!;
}

/** The hosts that tokens may be sent to besides Salesforce's own, as URLs. */
export function trustedHosts({ salesforce }: Pick<Config, 'salesforce'>): string[] {
  return [...salesforce.apps.map(({ loginUrl }) => loginUrl), ...salesforce.hosts];
}

const ROLES: readonly Role[] = ['read', 'data', 'operate', 'admin', 'tick'];

/** The app of the Salesforce CLI, which needs no secret. */
const CLI_APP = 'PlatformCLI';
const LOOPBACK = ['127.0.0.1', 'localhost', '::1'];

/**
 * Reads the configuration.
 * @param local `serve --local`: API keys are optional, and the service listens on loopback only
 * @throws ConfigError
 */
export function readConfig(env: NodeJS.ProcessEnv, local = false): Config {
  const read = new EnvReader(env);
  const host = read.text('HOST', 'the address to listen on', local ? '127.0.0.1' : '0.0.0.0');
  if (local && !LOOPBACK.includes(host)) read.fault(`With --local, the service listens on loopback only, but HOST is ${host}. Unset HOST.`);
  const scheduleClockUrl = env.SCHEDULE_CLOCK_URL || undefined;
  if (scheduleClockUrl && !local) read.fault('SCHEDULE_CLOCK_URL is supported with --local only. Unset it.');
  const keys = local && !env.API_KEYS ? [] : readApiKeys(read);
  const config: Config = {
    http: {
      host,
      port: read.integer('PORT', 4444, 0, 65535),
      keys,
      keyless: local && keys.length === 0,
      publicUrl: env.PUBLIC_URL ? readPublicUrl(read) : undefined,
      proxyHops: read.integer('TRUSTED_PROXY_HOPS', 0, 0, 10),
      wrongKeysPerMinute: read.integer('WRONG_KEYS_PER_MINUTE', 10, 1, 1_000_000),
      requestsPerSecond: read.integer('REQUESTS_PER_SECOND', 500, 1, 1_000_000),
    },
    database: readDatabase(read),
    migrations: read.choice('MIGRATIONS', ['run', 'check']),
    salesforce: {
      apps: readApps(read, local),
      hosts: readHosts(read),
      apiVersion: readApiVersion(read),
      gzip: read.choice('SALESFORCE_GZIP', ['on', 'off']) === 'on',
      composite: read.choice('SALESFORCE_COMPOSITE', ['on', 'off']) === 'on',
      trials: local,
    },
    bigquery: readBigQuery(read),
    proxy: readProxy(env),
    federation: readFederation(read),
    aws: env.DB_SECRET_ARN || env.WIF_AUDIENCE || env.TICK_QUEUE_URL ? readAws(read) : undefined,
    tokenKeys: readTokenKeys(read),
    hashSalt: env.HASH_SALT ? readHashSalt(read) : undefined,
    workers: read.integer('WORKERS', 4, 1, 64),
    runsPerConnection: read.integer('RUNS_PER_CONNECTION', 2, 1, 64),
    lagMinutes: read.integer('LAG_MINUTES', 5, 0, 24 * 60),
    overlapMinutes: read.integer('OVERLAP_MINUTES', 10, 0, 7 * 24 * 60),
    apiShare: read.share('API_SHARE', 0.5),
    runRetentionDays: read.integer('RUN_RETENTION_DAYS', 90, 1, 3650),
    webhook: readWebhook(read, local),
    metricsNamespace: readMetricsNamespace(read),
    scheduleClockUrl,
  };
  read.finish();
  return config;
}

/** Reads only what the job store and its sealed texts require. @throws ConfigError */
export function readStoreConfig(env: NodeJS.ProcessEnv): StoreConfig {
  const read = new EnvReader(env);
  const config = { database: readDatabase(read), aws: env.DB_SECRET_ARN ? readAws(read) : undefined, tokenKeys: readTokenKeys(read) };
  read.finish();
  return config;
}

/** Reads the BigQuery settings only. @throws ConfigError */
export function readBigQueryConfig(env: NodeJS.ProcessEnv): Config['bigquery'] {
  const read = new EnvReader(env);
  const config = readBigQuery(read);
  read.finish();
  return config;
}

function readPublicUrl(read: EnvReader): string {
  const address = read.url('PUBLIC_URL', 'the public address of the service, https://<host>', ['http:', 'https:']);
  const url = URL.parse(address);
  if (url && (!isSafe(url) || url.pathname !== '/' || url.search || url.hash))
    read.fault('PUBLIC_URL must have the form https://<host>, without a path or query.');
  return address;
}

/** The proxies for outgoing requests; loopback requests bypass them. */
export function readProxy(env: NodeJS.ProcessEnv): Config['proxy'] {
  return {
    httpProxy: env.http_proxy ?? env.HTTP_PROXY ?? '',
    httpsProxy: env.https_proxy ?? env.HTTPS_PROXY ?? '',
    noProxy: [env.no_proxy ?? env.NO_PROXY ?? '', ...LOOPBACK].join(','),
  };
}

function readFederation(read: EnvReader): FederationConfig | undefined {
  if (!read.env.WIF_AUDIENCE && !read.env.GCP_SERVICE_ACCOUNT) return undefined;
  return {
    audience: read.text('WIF_AUDIENCE', 'the resource name of the workload identity provider, //iam.googleapis.com/projects/…'),
    serviceAccount: read.text('GCP_SERVICE_ACCOUNT', 'the email address of the service account'),
  };
}

/** The app for SALESFORCE_LOGIN_URL, then those for other orgs from SALESFORCE_APPS (JSON: login URL → {client_id, client_secret, jwt_key?}). */
function readApps(read: EnvReader, local: boolean): SalesforceApp[] {
  const others = readOtherApps(read);
  if (others.length > 0 && !read.env.SALESFORCE_CLIENT_ID && !read.env.SALESFORCE_LOGIN_URL) return others;
  const isTrial = read.env.SALESFORCE_CLIENT_ID === CLI_APP;
  if (isTrial && !local)
    read.fault(`SALESFORCE_CLIENT_ID ${CLI_APP} is supported with --local only. Use an External Client App of the org.`);
  const main = {
    loginUrl: read.url('SALESFORCE_LOGIN_URL', "the org's My Domain URL, https://<name>.my.salesforce.com", ['https:', 'http:']),
    clientId: read.text('SALESFORCE_CLIENT_ID', 'the consumer key of the External Client App'),
    clientSecret: isTrial ? '' : read.text('SALESFORCE_CLIENT_SECRET', 'the consumer secret of the External Client App'),
    jwtKey: read.env.SALESFORCE_JWT_KEY ? readJwtKey(read, 'SALESFORCE_JWT_KEY', read.env.SALESFORCE_JWT_KEY) : undefined,
  };
  if (main.loginUrl) checkLoginUrl(read, 'SALESFORCE_LOGIN_URL', main.loginUrl);
  return [main, ...others.filter((app) => app.loginUrl !== main.loginUrl)];
}

interface AppEntry {
  client_id: string;
  client_secret: string;
  jwt_key?: string;
}

function readOtherApps(read: EnvReader): SalesforceApp[] {
  const text = read.env.SALESFORCE_APPS;
  if (!text) return [];
  try {
    return Object.entries(JSON.parse(text) as Record<string, AppEntry>).map(([host, app]) => {
      const loginUrl = (host.includes('://') ? host : `https://${host}`).replace(/\/$/, '');
      checkLoginUrl(read, 'SALESFORCE_APPS', loginUrl);
      if (typeof app.client_id !== 'string' || typeof app.client_secret !== 'string') throw new TypeError('client_id and client_secret');
      const jwtKey = app.jwt_key === undefined ? undefined : readJwtKey(read, `"jwt_key" in SALESFORCE_APPS`, app.jwt_key);
      return { loginUrl, clientId: app.client_id, clientSecret: app.client_secret, jwtKey };
    });
  } catch {
    // The text contains secrets, so the error does not quote it.
    read.fault('SALESFORCE_APPS must be a JSON object of the form {"<login host>": {"client_id": "…", "client_secret": "…"}}.');
    return [];
  }
}

/** Reads a private key for JWT bearer assertions. Many tools keep a variable on one line: they write its line breaks as `\\n`. */
function readJwtKey(read: EnvReader, name: string, pem: string): KeyObject | undefined {
  try {
    const key = createPrivateKey(pem.replaceAll('\\n', '\n'));
    if (key.asymmetricKeyType === 'rsa') return key;
  } catch {
    // The error may quote the key.
  }
  read.fault(`${name} must be an unencrypted RSA private key in PEM: -----BEGIN PRIVATE KEY----- …`);
  return undefined;
}

/** Secrets are sent over TLS only, except to loopback. */
function isSafe(url: URL): boolean {
  return url.protocol === 'https:' || (url.protocol === 'http:' && LOOPBACK.includes(url.hostname));
}

function readEndpoint(read: EnvReader): string {
  const endpoint = read.url('BIGQUERY_API_ENDPOINT', 'the URL of a BigQuery endpoint', ['http:', 'https:']);
  const url = URL.parse(endpoint);
  if (url && !isSafe(url)) read.fault('BIGQUERY_API_ENDPOINT must use https because credentials are sent to it.');
  return endpoint;
}

function checkLoginUrl(read: EnvReader, name: string, loginUrl: string): void {
  const url = URL.parse(loginUrl);
  if (!url || !isSafe(url) || url.pathname !== '/' || url.search) {
    read.fault(`Login hosts in ${name} must have the form https://<host>, without a path or query.`);
  } else if (/\.lightning\.force\.com$/.test(url.hostname)) {
    read.fault(`${name} contains ${url.host}, which serves pages only. Use the org's My Domain, https://<name>.my.salesforce.com.`);
  } else if (!isLoginHost(loginUrl, hostsOf(read.env))) {
    read.fault(`${name} contains ${url.host}, which is not a Salesforce host. Correct it, or add it to SALESFORCE_HOSTS if it is yours.`);
  }
}

function readHosts(read: EnvReader): string[] {
  const hosts = hostsOf(read.env);
  if (hosts.some((host) => URL.parse(host)?.origin !== host || host.includes('*'))) {
    read.fault('SALESFORCE_HOSTS must be a comma-separated list of host names, for example login.acme.example.');
  }
  return hosts;
}

function hostsOf({ SALESFORCE_HOSTS = '' }: NodeJS.ProcessEnv): string[] {
  const names = SALESFORCE_HOSTS.toLowerCase().split(',');
  return names.flatMap((name) => (name.trim() ? [`https://${name.trim()}`] : []));
}

function readApiVersion(read: EnvReader): string {
  const version = read.text('SALESFORCE_API_VERSION', 'a Salesforce API version, for example 66.0', '66.0');
  if (!/^\d{2,3}\.0$/.test(version)) read.fault('SALESFORCE_API_VERSION must be an API version, for example 66.0.');
  return version;
}

function readBigQuery(read: EnvReader): Config['bigquery'] {
  return {
    project: read.text('GOOGLE_CLOUD_PROJECT', 'the ID of the Google Cloud project to bill'),
    location: read.text('BIGQUERY_LOCATION', 'the location of the datasets, for example EU or europe-north1'),
    endpoint: read.env.BIGQUERY_API_ENDPOINT ? readEndpoint(read) : undefined,
    datasets: readDatasets(read),
    stagingDataset: read.text('BIGQUERY_STAGING_DATASET', 'the name of the staging dataset', 'salesforce_staging'),
    dailyBytesPerJob: read.integer('BIGQUERY_DAILY_GB_PER_JOB', 1000, 1, 1_000_000) * 1e9,
    upload: read.choice('BIGQUERY_UPLOAD', ['resumable', 'multipart']),
  };
}

function readDatasets(read: EnvReader): string[] {
  const datasets = read
    .text('BIGQUERY_DATASETS', 'a comma-separated list of dataset names', 'salesforce')
    .split(',')
    .map((name) => name.trim());
  if (!datasets.every((name) => /^[A-Za-z0-9_]{1,1024}$/.test(name))) {
    read.fault('BIGQUERY_DATASETS must be a comma-separated list of dataset names. Use letters, digits and underscores only.');
  }
  return datasets;
}

function readTokenKeys(read: EnvReader): Buffer[] {
  const text = read.text('TOKEN_KEYS', '32 random bytes in base64, for example the output of `openssl rand -base64 32`');
  if (!text) return [];
  const keys = text.split(',').map((key) => Buffer.from(key.trim(), 'base64'));
  if (keys.some((key) => key.length !== 32 || key.every((byte) => byte === key[0]))) {
    read.fault(
      'TOKEN_KEYS must be a comma-separated list of keys, each 32 random bytes in base64. Generate a key with `openssl rand -base64 32`.',
    );
  }
  return keys;
}

/** Long enough that it cannot be guessed: with the salt, a list of phone numbers can be hashed and compared. */
const MIN_SALT_LENGTH = 16;

function readHashSalt(read: EnvReader): string {
  const salt = read.text('HASH_SALT', 'a long random text, for example the output of `openssl rand -hex 32`');
  if (salt.length < MIN_SALT_LENGTH)
    read.fault(`HASH_SALT must have at least ${MIN_SALT_LENGTH} characters. Generate it with \`openssl rand -hex 32\`.`);
  return salt;
}

/** How the log and the audit name callers without a key. */
const NOT_A_KEY = /^(?:local|browser|command line|this process|the tick queue|connect link of .*)$/i;

function readApiKeys(read: EnvReader): ApiKey[] {
  const text = read.text('API_KEYS', 'a comma-separated list of keys, each as name:role:sha256');
  if (!text) return [];
  return text.split(',').flatMap((entry) => {
    const [name, role, sha256, ...rest] = entry.trim().split(':');
    const known = ROLES.find((candidate) => candidate === role);
    if (!name || !known || !/^[0-9a-f]{64}$/i.test(sha256 ?? '') || rest.length > 0) {
      read.fault(
        `Each entry in API_KEYS must have the form name:role:sha256, with one of the roles ${ROLES.join(', ')} and the hash in hex. Compute the hash with \`printf %s "$KEY" | sha256sum\`.`,
      );
      return [];
    }
    if (NOT_A_KEY.test(name)) {
      read.fault(`A key in API_KEYS is named ${name}, as callers without a key are in the log. Choose another name.`);
    }
    return [{ name, role: known, sha256: Buffer.from(sha256!, 'hex') }];
  });
}
