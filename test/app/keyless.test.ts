import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { databasePassword } from '../../app/aws/database-password.ts';
import { taskCredentials } from '../../app/aws/task-credentials.ts';
import { findJob, query } from '../../app/bigquery/jobs.ts';
import { uploadPage } from '../../app/bigquery/load/load.ts';
import type { Warehouse } from '../../app/bigquery/warehouse.ts';
import { readConfig } from '../../app/config.ts';
import { type Context, createContext } from '../../app/context.ts';
import { LIMITS } from '../../app/core/connections/limits.ts';
import { createEvents } from '../../app/events.ts';
import { createLog } from '../../app/log.ts';
import { type KeylessClouds, startKeylessClouds } from '../support/keyless-clouds.ts';
import { type CertifiedHost, certificateFile, startTlsPostgres } from '../support/store/tls-postgres.ts';

let clouds: KeylessClouds;
beforeEach(async () => {
  clouds = await startKeylessClouds();
});
afterEach(() => clouds[Symbol.asyncDispose]());

const credentials = (): ReturnType<typeof taskCredentials> =>
  taskCredentials({ url: `${clouds.url}/credentials`, token: 'endpoint-token', tokenFile: undefined });

describe('in an ECS task', () => {
  test("requests the role's credentials once, with the endpoint's token, and caches them", async () => {
    const provide = credentials();
    expect(await provide()).toEqual({ accessKeyId: 'AKIA', secretAccessKey: 'aws-secret', token: 'session' });
    await provide();
    expect(clouds.calls('/credentials')).toHaveLength(1);
    expect(clouds.calls('/credentials')[0]!.headers.authorization).toBe('endpoint-token');
  });

  test('requests credentials again minutes before they expire', async () => {
    clouds.credentialsMs = 4 * 60_000;
    const provide = credentials();
    await provide();
    await provide();
    expect(clouds.calls('/credentials')).toHaveLength(2);
  });

  test('caches the database password, and requests it again after it was refused', async () => {
    const store = { region: 'eu-north-1', endpoint: `${clouds.url}/secrets`, credentials: credentials() };
    const source = databasePassword(store, 'arn:aws:secret');
    expect(await source.read()).toBe('first');
    clouds.password = 'second';
    expect(await source.read()).toBe('first');
    source.forget();
    expect(await source.read()).toBe('second');
  });

  test('gives up if AWS does not respond', async () => {
    const silent = { url: `${clouds.url}/never`, token: undefined, tokenFile: undefined, timeoutMs: 20 };
    await expect(taskCredentials(silent)()).rejects.toThrow(/timeout/);
    const store = { region: 'eu-north-1', endpoint: `${clouds.url}/never`, credentials: credentials(), timeoutMs: 20 };
    await expect(databasePassword(store, 'arn:aws:secret').read()).rejects.toThrow(/timeout/);
  });
});

/** The context that the service creates from the environment of an ECS task. */
function openContext(database: { port: number; trusted: CertifiedHost }, limits = LIMITS): Context {
  const { username, pathname } = new URL(process.env.TEST_POSTGRES_URL!);
  const config = readConfig({
    ...clouds.environment,
    AWS_REGION: 'eu-north-1',
    DB_SECRET_ARN: 'arn:aws:secret',
    PGHOST: 'localhost',
    PGPORT: String(database.port),
    PGUSER: username,
    PGDATABASE: pathname.slice(1),
    PGSSLROOTCERT: certificateFile(database.trusted),
    GOOGLE_CLOUD_PROJECT: 'acme',
    BIGQUERY_LOCATION: 'EU',
    BIGQUERY_API_ENDPOINT: clouds.url,
    WIF_AUDIENCE: AUDIENCE,
    GCP_SERVICE_ACCOUNT: 'sync@acme.iam.gserviceaccount.com',
    SALESFORCE_LOGIN_URL: 'https://acme.my.salesforce.com',
    SALESFORCE_CLIENT_ID: '3MVG9',
    SALESFORCE_CLIENT_SECRET: 'consumer-s3cr3t',
    TOKEN_KEYS: Buffer.from('0123456789abcdef0123456789abcdef').toString('base64'),
    API_KEYS: `ops:operate:${'a'.repeat(64)}`,
  });
  const federation = { ...config.federation!, hosts: { sts: clouds.url, iamCredentials: clouds.url } };
  return createContext({ ...config, federation }, createEvents(createLog({ write: () => {} })), limits);
}

const AUDIENCE = '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/aws';

describe('a job store in RDS', () => {
  const { password, port } = new URL(process.env.TEST_POSTGRES_URL!);

  test("is reached over TLS, with the password from RDS's secret in the task's region", async () => {
    clouds.password = decodeURIComponent(password);
    await using postgres = await startTlsPostgres('localhost');
    const context = openContext({ port: postgres.port, trusted: 'localhost' });
    const { rows } = await context.database.query('SELECT 1 AS one');
    await context.close();
    expect(rows).toEqual([{ one: 1 }]);
    const [call] = clouds.calls('/secrets');
    expect(call!.headers['x-amz-target']).toBe('secretsmanager.GetSecretValue');
    expect(call!.headers.authorization).toMatch(/^AWS4-HMAC-SHA256 Credential=AKIA\/\d{8}\/eu-north-1\//);
    expect(JSON.parse(call!.body)).toEqual({ SecretId: 'arn:aws:secret' });
  });

  test.each<[string, CertifiedHost, CertifiedHost, string]>([
    ['from an authority that is not trusted', 'localhost', 'db.example', 'DEPTH_ZERO_SELF_SIGNED_CERT'],
    ['for another host', 'db.example', 'db.example', 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ])('is refused with a certificate %s, before it receives the password', async (_what, certified, trusted, code) => {
    await using postgres = await startTlsPostgres(certified);
    const context = openContext({ port: postgres.port, trusted });
    await expect(context.database.query('SELECT 1')).rejects.toMatchObject({ code });
    await context.close();
    expect(clouds.calls('/secrets')).toEqual([]);
  });

  test('is refused without TLS', async () => {
    const context = openContext({ port: Number(port), trusted: 'localhost' });
    await expect(context.database.query('SELECT 1')).rejects.toThrow('does not support SSL');
    await context.close();
  });
});

describe('BigQuery without a key', () => {
  const PAGE = { jobId: 'job', table: { project: 'acme', dataset: 'staging', table: 't' }, columns: ['Id'], labels: {} };

  test('is reached with a token of the service account, which the AWS identity obtains from STS', async () => {
    const { warehouse, close } = openContext({ port: 1, trusted: 'localhost' });
    await warehouse.call('list the datasets', (client) => client.getDatasets());
    const headers = await warehouse.authHeaders();
    await close();
    const [call] = clouds.calls('/bigquery/v2/projects/acme/datasets');
    expect(call!.headers.authorization).toBe('Bearer lent');
    expect(headers.authorization).toBe('Bearer lent');
    const [exchange] = clouds.calls('/v1/token');
    const subject = JSON.parse(decodeURIComponent(new URLSearchParams(exchange!.body).get('subject_token')!)) as {
      url: string;
      headers: { key: string; value: string }[];
    };
    expect(subject.url).toMatch(/^https:\/\/sts\.eu-north-1\.amazonaws\.com/);
    expect(subject.headers).toContainEqual({ key: 'x-goog-cloud-target-resource', value: AUDIENCE });
    const [impersonation] = clouds.calls('/v1/projects/');
    expect(impersonation!.url).toBe('/v1/projects/-/serviceAccounts/sync%40acme.iam.gserviceaccount.com:generateAccessToken');
    expect(impersonation!.headers.authorization).toBe('Bearer federated');
    expect(JSON.parse(impersonation!.body)).toMatchObject({ scope: ['https://www.googleapis.com/auth/bigquery'] });
  });

  test.each([
    [
      'by STS',
      '/v1/token',
      400,
      { error: 'invalid_grant', error_description: 'The mapped attribute is not admitted.' },
      /Google refused the AWS role of the task \(invalid_grant\): The mapped attribute is not admitted\. Check WIF_AUDIENCE \(\/\/iam/,
    ],
    [
      'by the service account',
      '/v1/projects/',
      403,
      { error: { status: 'PERMISSION_DENIED', message: "Permission 'iam.serviceAccounts.getAccessToken' denied on resource." } },
      /\(PERMISSION_DENIED\): Permission 'iam\.serviceAccounts\.getAccessToken' denied .* role Workload Identity User on sync@acme/,
    ],
    [
      'because the task has no role',
      '/credentials',
      404,
      {},
      /AWS did not provide credentials for the task role .* Check that the task definition has a task role/,
    ],
  ])('is refused %s, for uploads too, and the error says what to check', async (_by, path, status, body, shown) => {
    clouds.refusal = { path, status, body };
    const { warehouse, close } = openContext({ port: 1, trusted: 'localhost' });
    await expect(query(warehouse, 'SELECT 1', {})).rejects.toThrow(shown);
    await expect(warehouse.authHeaders()).rejects.toThrow(shown);
    await close();
    expect(clouds.calls('/bigquery/')).toEqual([]);
  });

  test.each<[string, (warehouse: Warehouse) => Promise<unknown>]>([
    ['a job', (warehouse) => findJob(warehouse, 'job')],
    ['an upload', (warehouse) => uploadPage(warehouse, PAGE, Readable.from([Buffer.from('"Id"\n')]))],
  ])('is reached with another token if it refuses one that has not expired, as after a step of the clock: %s', async (what, work) => {
    const { warehouse, close } = openContext({ port: 1, trusted: 'localhost' }, { ...LIMITS, pollMs: 1 });
    await warehouse.authHeaders();
    const refused = { status: 401, body: { error: { errors: [{ reason: 'authError', message: 'Invalid Credentials' }] } } };
    const reached = (): number => clouds.calls('/bigquery/').length + clouds.calls('/upload/').length;
    clouds.refusal = { path: what === 'a job' ? '/bigquery/' : '/upload/', ...refused };
    const stop = new AbortController();
    const working = work(warehouse.withSignal(stop.signal)).catch(() => {});
    while (reached() === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    clouds.refusal = undefined;
    while (clouds.calls('/v1/projects/').length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
    stop.abort();
    await working;
    await close();
  });

  test.each(['/v1/token', '/v1/projects/'])('is reached after a token request (%s) that got no response', async (path) => {
    const { warehouse, close } = openContext({ port: 1, trusted: 'localhost' }, { ...LIMITS, bigqueryCallMs: 300 });
    clouds.silence(path, 100);
    await expect(warehouse.authHeaders()).rejects.toMatchObject({ code: 'bigquery_unavailable' });
    clouds.silence(path, 0);
    await expect(warehouse.call('list the datasets', (client) => client.getDatasets())).resolves.toBeDefined();
    expect((await warehouse.authHeaders()).authorization).toBe('Bearer lent');
    await close();
  });
});
