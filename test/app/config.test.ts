import { createHash, generateKeyPairSync } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { readConfig } from '../../app/config.ts';
import type { ConfigError } from '../../app/env-reader.ts';

const KEY = Buffer.from('0123456789abcdef0123456789abcdef').toString('base64');
const SHA256 = createHash('sha256').update('a key').digest('hex');

function privateKey(type: 'rsa' | 'ec'): string {
  const pair = type === 'rsa' ? generateKeyPairSync(type, { modulusLength: 2048 }) : generateKeyPairSync(type, { namedCurve: 'P-256' });
  return pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

const COMPLETE = {
  DATABASE_URL: 'postgres://user:pass@db.example:5432/sync',
  SALESFORCE_LOGIN_URL: 'https://acme.my.salesforce.com/',
  SALESFORCE_CLIENT_ID: '3MVG9',
  SALESFORCE_CLIENT_SECRET: 'consumer-s3cr3t',
  GOOGLE_CLOUD_PROJECT: 'acme',
  BIGQUERY_LOCATION: 'EU',
  TOKEN_KEYS: KEY,
  API_KEYS: `schedule:tick:${SHA256},ops:operate:${SHA256}`,
};

const IN_ECS = {
  DB_SECRET_ARN: 'arn:aws:secret',
  PGHOST: 'db.example',
  PGDATABASE: 'sync',
  PGUSER: 'sync',
  PGSSLROOTCERT: '/authorities.pem',
  AWS_REGION: 'eu-north-1',
  AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: '/v2/credentials',
  WIF_AUDIENCE: '//iam.googleapis.com/x',
  GCP_SERVICE_ACCOUNT: 'sync@acme.example',
};

/** The names of all settings of a configuration, nested ones too. */
function settingsOf(config: object): string[] {
  return Object.entries(config).flatMap(([name, value]) =>
    value && typeof value === 'object' && !Array.isArray(value) ? [name, ...settingsOf(value)] : [name],
  );
}

function faultsOf(env: NodeJS.ProcessEnv, local = false): string[] {
  try {
    readConfig(env, local);
    return [];
  } catch (error) {
    return (error as ConfigError).faults;
  }
}

describe('the configuration', () => {
  test('has the documented defaults', () => {
    expect(readConfig(COMPLETE)).toMatchObject({
      http: {
        host: '0.0.0.0',
        port: 4444,
        keyless: false,
        publicUrl: undefined,
        proxyHops: 0,
        keys: [
          { name: 'schedule', role: 'tick' },
          { name: 'ops', role: 'operate' },
        ],
      },
      salesforce: { apps: [{ loginUrl: 'https://acme.my.salesforce.com' }], apiVersion: '66.0', gzip: true, composite: true },
      bigquery: {
        datasets: ['salesforce'],
        stagingDataset: 'salesforce_staging',
        endpoint: undefined,
        dailyBytesPerJob: 1e12,
        upload: 'resumable',
      },
      workers: 4,
      runsPerConnection: 2,
      lagMinutes: 5,
      overlapMinutes: 10,
      apiShare: 0.5,
      runRetentionDays: 90,
    });
  });

  test('has no setting that no other module uses', () => {
    const others = readdirSync('app', { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && file !== 'config.ts' && !file.startsWith('local/emulators'))
      .map((file) => readFileSync(join('app', file), 'utf8'))
      .join('');
    const settings = settingsOf(readConfig({ ...COMPLETE, ...IN_ECS }));
    expect(settings).toEqual(expect.arrayContaining(['publicUrl', 'proxyHops', 'apiShare', 'runRetentionDays']));
    expect(settings.filter((name) => !new RegExp(`\\b${name}\\b`).test(others))).toEqual([]);
  });

  test('lists all missing settings at once', () => {
    const text = faultsOf({}).join('\n');
    for (const name of Object.keys(COMPLETE)) expect(text).toContain(name);
    expect(faultsOf({})).toHaveLength(Object.keys(COMPLETE).length);
  });

  test.each([
    ['PORT', 'http'],
    ['PORT', '70000'],
    ['PUBLIC_URL', 'sync.acme.example'],
    ['PUBLIC_URL', 'http://sync.acme.example'],
    ['PUBLIC_URL', 'https://sync.acme.example/path'],
    ['TRUSTED_PROXY_HOPS', '-1'],
    ['TRUSTED_PROXY_HOPS', '11'],
    ['WORKERS', '0'],
    ['RUN_RETENTION_DAYS', '0'],
    ['API_SHARE', '0'],
    ['API_SHARE', '1.5'],
    ['API_SHARE', 'half'],
    ['BIGQUERY_DAILY_GB_PER_JOB', '0.5'],
    ['DATABASE_URL', 'mysql://x'],
    ['SALESFORCE_LOGIN_URL', 'http://login.salesforce.com'],
    ['SALESFORCE_LOGIN_URL', 'https://acme.my.salesforce.com/path'],
    ['SALESFORCE_LOGIN_URL', 'https://acme.my.salesforce.com#x'],
    ['SALESFORCE_LOGIN_URL', 'https://user@acme.my.salesforce.com'],
    ['SALESFORCE_LOGIN_URL', 'https://acme.lightning.force.com'],
    ['SALESFORCE_LOGIN_URL', 'https://acme.my.salesforce.com.evil.example'],
    ['SALESFORCE_LOGIN_URL', 'https://evilsalesforce.com'],
    ['SALESFORCE_APPS', '{"acme my.salesforce.com": {"client_id": "a", "client_secret": "s3cr3t-value"}}'],
    ['SALESFORCE_APPS', '{"https://": {"client_id": "a", "client_secret": "s3cr3t-value"}}'],
    ['SALESFORCE_APPS', '{"user:s3cr3t-value@acme.my.salesforce.com": {"client_id": "a", "client_secret": "b"}}'],
    ['SALESFORCE_APPS', '{"acme.my.salesforce.com:8443": {"client_id": "a", "client_secret": "s3cr3t-value"}}'],
    ['SALESFORCE_APPS', '{"acme.my.salesforce.com.": {"client_id": "a", "client_secret": "s3cr3t-value"}}'],
    ['SALESFORCE_HOSTS', 'user@login.acme.example'],
    ['SALESFORCE_HOSTS', '*.acme.example'],
    ['SALESFORCE_HOSTS', 'login.acme.example\\.evil.example'],
    ['API_KEYS', `local:admin:${SHA256}`],
    ['API_KEYS', `command line:admin:${SHA256}`],
    ['API_KEYS', `connect link of ops:admin:${SHA256}`],
    ['SALESFORCE_APPS', '{"login.acme.example": {"client_id": "a", "client_secret": "s3cr3t-value"}}'],
    ['SALESFORCE_HOSTS', 'https://login.acme.example'],
    ['SALESFORCE_HOSTS', 'login.acme.example/path'],
    ['SALESFORCE_CLIENT_SECRET', 'changeme'],
    ['SALESFORCE_CLIENT_ID', '<consumer key>'],
    ['SALESFORCE_CLIENT_ID', 'PlatformCLI'],
    ['SALESFORCE_API_VERSION', 'latest'],
    ['SALESFORCE_GZIP', 'no'],
    ['SALESFORCE_COMPOSITE', 'yes'],
    ['SALESFORCE_APPS', '{"acme.my.salesforce.com": {"client_secret": "s3cr3t-value"}}'],
    ['SALESFORCE_APPS', '{"acme.my.salesforce.com": {"client_id": "a", "client_secret": "b", "jwt_key": "s3cr3t-value"}}'],
    ['SALESFORCE_JWT_KEY', '-----BEGIN PRIVATE KEY-----\ns3cr3t-value\n-----END PRIVATE KEY-----'],
    ['SALESFORCE_JWT_KEY', privateKey('ec')],
    ['BIGQUERY_DATASETS', 'sales force'],
    ['BIGQUERY_UPLOAD', 'media'],
    ['BIGQUERY_API_ENDPOINT', 'nowhere'],
    ['BIGQUERY_API_ENDPOINT', 'http://bigquery.example'],
    ['TOKEN_KEYS', 'short'],
    ['TOKEN_KEYS', Buffer.alloc(32).toString('base64')],
    ['HASH_SALT', 's3cr3t-value'],
    ['API_KEYS', `ops:root:${SHA256}`],
    ['API_KEYS', 'ops:admin:the-key-itself'],
    ['SCHEDULE_CLOCK_URL', 'http://127.0.0.1:1/clock'],
  ])('refuses %s=%s in one sentence that names it and shows no secret', (name, value) => {
    const faults = faultsOf({ ...COMPLETE, [name]: value });
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(name);
    expect(faults[0]).not.toMatch(/s3cr3t-value|the-key-itself|changeme|BEGIN PRIVATE KEY-----\s*\w/);
  });

  test('reads private keys for JWT bearer, with line breaks or with \\n in their place', () => {
    const pem = privateKey('rsa');
    const apps = { 'other.my.salesforce.com': { client_id: 'a', client_secret: 'b', jwt_key: pem } };
    const env = { ...COMPLETE, SALESFORCE_JWT_KEY: pem.replaceAll('\n', '\\n'), SALESFORCE_APPS: JSON.stringify(apps) };
    for (const { jwtKey } of readConfig(env).salesforce.apps) expect(jwtKey?.export({ type: 'pkcs8', format: 'pem' })).toBe(pem);
  });

  test("uses ECS's credentials address, and Secrets Manager in the task's region", () => {
    expect(readConfig({ ...COMPLETE, ...IN_ECS }).aws).toMatchObject({
      credentials: { url: 'http://169.254.170.2/v2/credentials' },
      secretsEndpoint: 'https://secretsmanager.eu-north-1.amazonaws.com',
    });
  });

  test('accepts the apps of several orgs', () => {
    const { salesforce } = readConfig({
      ...COMPLETE,
      SALESFORCE_APPS: '{"other.my.salesforce.com": {"client_id": "a", "client_secret": "b"}}',
    });
    expect(salesforce.apps.map((app) => app.loginUrl)).toEqual(['https://acme.my.salesforce.com', 'https://other.my.salesforce.com']);
  });

  test.each([
    'https://acme--dev.sandbox.my.salesforce.com',
    'https://test.salesforce.com',
    'https://acme.my.salesforce.mil',
    'http://127.0.0.1:1',
  ])('accepts the login host %s', (loginUrl) => {
    expect(readConfig({ ...COMPLETE, SALESFORCE_LOGIN_URL: loginUrl }).salesforce.apps[0]!.loginUrl).toBe(loginUrl);
  });

  test('accepts another login host once it is in SALESFORCE_HOSTS', () => {
    const env = { ...COMPLETE, SALESFORCE_LOGIN_URL: 'https://login.acme.example' };
    expect(faultsOf(env)).toEqual([expect.stringContaining('login.acme.example, which is not a Salesforce host')]);
    const { salesforce } = readConfig({ ...env, SALESFORCE_HOSTS: 'sso.acme.example:8443, Login.acme.example' });
    expect(salesforce.hosts).toEqual(['https://sso.acme.example:8443', 'https://login.acme.example']);
  });

  test('names the My Domain in place of a Lightning address', () => {
    expect(faultsOf({ ...COMPLETE, SALESFORCE_LOGIN_URL: 'https://acme.lightning.force.com' })[0]).toContain(
      'https://<name>.my.salesforce.com',
    );
  });

  test('accepts the app of the Salesforce CLI in local mode only, where it needs no secret', () => {
    const { SALESFORCE_CLIENT_SECRET: _, API_KEYS: _keys, ...rest } = COMPLETE;
    const { apps, trials } = readConfig({ ...rest, SALESFORCE_CLIENT_ID: 'PlatformCLI' }, true).salesforce;
    expect([apps, trials]).toEqual([[expect.objectContaining({ clientId: 'PlatformCLI', clientSecret: '' })], true]);
    expect(readConfig(COMPLETE).salesforce.trials).toBe(false);
  });

  test('needs no API keys in local mode, and then listens on localhost only', () => {
    const { API_KEYS, ...rest } = COMPLETE;
    expect(readConfig(rest, true).http).toMatchObject({ host: '127.0.0.1', port: 4444, keys: [], keyless: true });
    expect(faultsOf({ ...rest, HOST: '0.0.0.0' }, true)[0]).toContain('HOST');
    expect(readConfig({ ...rest, API_KEYS }, true).http.keyless).toBe(false);
  });
});
