import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { readConfig } from '../../../app/config.ts';
import { databaseAddress } from '../../../app/context.ts';
import { readMigration } from '../../../app/database-config.ts';
import { EnvReader } from '../../../app/env-reader.ts';
import type { DatabaseAddress } from '../../../app/store/database.ts';
import { startKeylessClouds } from '../../support/keyless-clouds.ts';
import { startService } from '../../support/service.ts';
import { certificateFile } from '../../support/store/tls-postgres.ts';
import { type ProgramRun, runProgram } from '../support/run-program.ts';
import { SALESFORCE_SECRET, type StackName } from '../support/stack-config.ts';
import { taskContainer } from '../support/task-container.ts';

/** The environment that ECS passes to the app, with secret references replaced by their values. */
function taskEnvironment(run: ProgramRun, name: 'app' | 'migrate' = 'app'): Record<string, string> {
  const { environment, secrets } = taskContainer(run, name);
  const versions = run.all('aws:secretsmanager/secretVersion:SecretVersion');
  const value = (reference: string): string => {
    // RDS's own.
    if (reference.includes(':secret:rds!db-')) return 'of the master';
    const found = versions.find(({ inputs }) => reference.includes(`:${String(inputs.secretId)}-`));
    if (!found) throw new Error(`No secret version matches ${reference}.`);
    const text = String(found.inputs.secretString);
    const key = reference.split(':').at(-3);
    return key ? (JSON.parse(text) as Record<string, string>)[key]! : text;
  };
  return Object.fromEntries([
    ...environment.map((one) => [one.name, one.value]),
    ...secrets.map(({ name, valueFrom }) => [name, value(valueFrom)]),
  ]) as Record<string, string>;
}

const DATASET = { dev: 'salesforce_dev', production: 'salesforce' };

describe.each<StackName>(['dev', 'production'])("the task's environment in %s", (stack) => {
  test('is a valid configuration of the app', async () => {
    const env = taskEnvironment(await runProgram(stack));
    // ECS adds the path to the task role's credentials.
    const config = readConfig({ ...env, AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: '/v2/credentials/1' });
    expect(config).toMatchObject({
      http: { host: '0.0.0.0', port: 4444, keyless: false, publicUrl: expect.stringMatching(/^https:/), proxyHops: 1 },
      salesforce: {
        apps: [{ loginUrl: 'https://acme.my.salesforce.com', clientId: '3MVG9acme', clientSecret: SALESFORCE_SECRET }],
        apiVersion: '66.0',
      },
      bigquery: {
        project: 'acme-sync',
        location: 'EU',
        datasets: [DATASET[stack]],
        stagingDataset: `${DATASET[stack]}_staging`,
        dailyBytesPerJob: 1e12,
      },
      database: { port: 5432, secretArn: env.DB_SECRET_ARN, certificatesFile: '/app/rds-authorities.pem' },
      federation: { audience: env.WIF_AUDIENCE, serviceAccount: env.GCP_SERVICE_ACCOUNT },
      workers: 4,
      runsPerConnection: 2,
      lagMinutes: 5,
      overlapMinutes: 10,
    });
    expect(config.tokenKeys).toHaveLength(1);
    expect(config.http.keys).toContainEqual(expect.objectContaining({ name: 'schedule', role: 'tick' }));
  });

  test('is read completely, and every variable has an effect', async () => {
    const env = { ...taskEnvironment(await runProgram(stack)), AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: '/v2/credentials/1' };
    const read = new Set<string | symbol>();
    const recorder: ProxyHandler<NodeJS.ProcessEnv> = {
      get(target, name) {
        read.add(name);
        return Reflect.get(target, name);
      },
    };
    const config = readConfig(new Proxy<NodeJS.ProcessEnv>(env, recorder));
    expect(Object.keys(env).filter((name) => !read.has(name))).toEqual([]);
    expect(Object.keys(env).filter((name) => configOrFaults({ ...env, [name]: 'another' }) === JSON.stringify(config))).toEqual([]);
  });

  test("contains every app setting of the stack's configuration", async () => {
    const settings = { workers: 1, runsPerConnection: 3, apiShare: '0.25', lagMinutes: 7, overlapMinutes: 11, runRetentionDays: 30 };
    const config = readConfig({
      ...taskEnvironment(await runProgram(stack, { changes: settings })),
      AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: '/v2/credentials/1',
    });
    expect(config).toMatchObject({ ...settings, apiShare: 0.25 });
  });

  test("lets the app read the password of its own role, in the stack's region", async () => {
    await using clouds = await startKeylessClouds();
    const env = taskEnvironment(await runProgram(stack));
    const config = readConfig({ ...env, ...clouds.environment, PGSSLROOTCERT: certificateFile('localhost') });
    const { password, host } = databaseAddress(config) as Exclude<DatabaseAddress, { url: string }>;
    expect(await password.read()).toBe(clouds.password);
    expect(host).toMatch(/\.rds\.amazonaws\.com$/);
    const [call] = clouds.calls('/secrets');
    const { SecretId } = JSON.parse(call!.body) as { SecretId: string };
    expect(SecretId).toMatch(/:secret:sync-[a-z]+-database-runtime-/);
    expect(call!.headers.authorization).toContain(`/${SecretId.split(':')[3]}/`);
  });

  test('contains exactly the documented variables', async () => {
    expect(Object.keys(taskEnvironment(await runProgram(stack))).sort()).toEqual(VARIABLES);
  });
});

test.each([true, false])(
  'the migration has a configuration of its own; databaseSetUp %s decides whether it has the master',
  async (databaseSetUp) => {
    const run = await runProgram('dev', { changes: { databaseSetUp } });
    const env = taskEnvironment(run, 'migrate');
    const read = new EnvReader(env);
    const { database, runtime, master } = readMigration(read);
    read.finish();
    const app = taskEnvironment(run);
    expect(database).toMatchObject({ user: 'sync_owner', host: app.PGHOST, password: expect.stringMatching(/^[0-9a-f]{40}$/) });
    expect(runtime).toEqual({ user: app.PGUSER, password: expect.stringMatching(/^[0-9a-f]{40}$/) });
    expect(master).toEqual(databaseSetUp ? { user: 'sync', password: 'of the master' } : undefined);
    // The app has its own password only, and reads that itself.
    expect(Object.keys(app).filter((name) => /PASSWORD|MASTER/.test(name))).toEqual([]);
    expect(readConfig({ ...app, AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: '/v2/credentials/1' })).toMatchObject({
      migrations: 'check',
      database: { user: 'sync_app' },
    });
  },
);

test('after a rotation that ECS rolled back, the migration sets the password that the app reads', async () => {
  const run = await runProgram('dev');
  const { DB_SECRET_ARN } = taskEnvironment(run);
  const { valueFrom } = taskContainer(run, 'migrate').secrets.find(({ name }) => name === 'RUNTIME_PASSWORD')!;
  expect(valueFrom).toBe(`${DB_SECRET_ARN}:password::`);
  // Otherwise the first task could start before the secret has a value.
  const { dependencies } = run.registrations.find(({ type }) => type === 'aws:ecs/taskDefinition:TaskDefinition')!;
  expect(dependencies).toContainEqual(expect.stringMatching(/:SecretVersion::sync-dev-database-runtime$/));
});

test('settings that `doctor --real` may recommend reach the app', async () => {
  const env = taskEnvironment(
    await runProgram('dev', { changes: { salesforceGzip: 'off', salesforceComposite: 'off', bigqueryUpload: 'multipart' } }),
  );
  const config = readConfig({ ...env, AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: '/v2/credentials/1' });
  expect(config).toMatchObject({ salesforce: { gzip: false, composite: false }, bigquery: { upload: 'multipart' } });
});

test('the receiver of alerts reaches the app, its URL and secret as secrets', async () => {
  const [alertWebhookUrl, key] = ['https://alerts.acme.test/s3cr3t', Buffer.from('0123456789abcdef0123456789abcdef')];
  const alertWebhookSecret = `whsec_${key.toString('base64')}`;
  const changes = { alertWebhookUrl, alertWebhookSecret, alertEvents: 'run_failed,tick_completed', alertFormat: 'generic' };
  const run = await runProgram('dev', { changes });
  const config = readConfig({ ...taskEnvironment(run), AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: '/v2/credentials/1' });
  expect(config.webhook).toMatchObject({ url: alertWebhookUrl, secret: key, format: 'generic', events: ['run_failed', 'tick_completed'] });
  expect(taskContainer(run).secrets.map(({ name }) => name)).toContain('ALERT_WEBHOOK_URL');
  expect(taskContainer(run).secrets.map(({ name }) => name)).toContain('ALERT_WEBHOOK_SECRET');
});

/** The app's configuration for an environment as JSON, or its error message. */
function configOrFaults(env: NodeJS.ProcessEnv): string {
  try {
    return JSON.stringify(readConfig(env));
  } catch (error) {
    return (error as Error).message;
  }
}

/** The contract between infra and app. The app's own tests cover the effect of each variable. */
const VARIABLES = [
  'API_KEYS',
  'API_SHARE',
  'AWS_REGION',
  'BIGQUERY_DAILY_GB_PER_JOB',
  'BIGQUERY_DATASETS',
  'BIGQUERY_LOCATION',
  'BIGQUERY_STAGING_DATASET',
  'DB_SECRET_ARN',
  'GCP_SERVICE_ACCOUNT',
  'GOOGLE_CLOUD_PROJECT',
  'HASH_SALT',
  'HOST',
  'LAG_MINUTES',
  'METRICS_NAMESPACE',
  'MIGRATIONS',
  'OVERLAP_MINUTES',
  'PGDATABASE',
  'PGHOST',
  'PGPORT',
  'PGSSLMODE',
  'PGSSLROOTCERT',
  'PGUSER',
  'PORT',
  'PUBLIC_URL',
  'RUNS_PER_CONNECTION',
  'RUN_RETENTION_DAYS',
  'SALESFORCE_API_VERSION',
  'SALESFORCE_APPS',
  'TOKEN_KEYS',
  'TRUSTED_PROXY_HOPS',
  'WIF_AUDIENCE',
  'WORKERS',
];

describe("a task's health checks", () => {
  test('work against the app: from the load balancer and in the container', async () => {
    const run = await runProgram('dev');
    await using service = await startService({ worker: false, local: false, env: { API_KEYS: taskEnvironment(run).API_KEYS } });
    const { path, matcher } = run.one('aws:lb/targetGroup:TargetGroup').inputs.healthCheck as Record<string, string>;
    expect(String((await fetch(service.url + path)).status)).toBe(matcher);
    // An unknown path is never healthy: it requires a key.
    expect((await fetch(`${service.url}/health`)).status).toBe(401);

    const [kind, program, ...args] = (taskContainer(run).healthCheck as { command: string[] }).command;
    expect([kind, program]).toEqual(['CMD', 'node']);
    const check = async (url: string): Promise<number> => {
      const child = spawn(
        process.execPath,
        args.map((arg) => arg.replace('http://127.0.0.1:4444', url)),
      );
      const [code] = (await once(child, 'exit')) as [number];
      return code;
    };
    expect(await check(service.url)).toBe(0);
    expect(await check(`${service.url}/none`)).toBe(1);
    expect(await check('http://127.0.0.1:1')).toBe(1);
  });
});

describe("the schedule's request", () => {
  test('is accepted by the app as EventBridge sends it, and logged as the alarm expects', async () => {
    const run = await runProgram('dev', { changes: { scheduleEnabled: true } });
    const { key, value } = (
      run.one('aws:cloudwatch/eventConnection:EventConnection').inputs.authParameters as { apiKey: Record<string, string> }
    ).apiKey;
    const { httpMethod, invocationEndpoint } = run.one('aws:cloudwatch/eventApiDestination:EventApiDestination').inputs as Record<
      string,
      string
    >;
    const { input } = run.one('aws:cloudwatch/eventTarget:EventTarget', 'dev').inputs as Record<string, string>;
    const { API_KEYS } = taskEnvironment(run);
    await using service = await startService({ worker: false, env: { API_KEYS }, local: false });

    const path = new URL(invocationEndpoint!).pathname;
    const headers = { 'Content-Type': 'application/json; charset=utf-8', 'User-Agent': 'Amazon/EventBridge/ApiDestinations' };
    const post = (apiKey: string) =>
      fetch(service.url + path, { method: httpMethod!, headers: { ...headers, [key!]: apiKey }, body: input! });
    const response = await post(value!);
    expect({ status: response.status, text: await response.text() }).toEqual({ status: 200, text: 'OK' });
    // EventBridge would retry a 401.
    expect((await post('another')).status).toBe(403);

    const [, event] = /^\{ \$\.event = "(\w+)" \}$/.exec(
      String(run.one('aws:cloudwatch/logMetricFilter:LogMetricFilter', '-ticks').inputs.pattern),
    )!;
    expect(service.logged.map((line) => (JSON.parse(line) as { event?: string }).event).filter((one) => one === event)).toHaveLength(1);
  });
});

test('app and infra never import each other', () => {
  const importsOf = (folder: string): string[] =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .flatMap((file) => [...readFileSync(join(folder, file), 'utf8').matchAll(/(?:from|import\()\s*'([^']+)'/g)].map(([, name]) => name!));
  expect(importsOf('infra').length).toBeGreaterThan(40);
  expect(importsOf('infra').filter((name) => /(^|\/)app\//.test(name))).toEqual([]);
  expect(importsOf('app').filter((name) => /(^|\/)infra\/|^@pulumi\//.test(name))).toEqual([]);
});

test("infra imports only Pulumi's packages and Node's modules", () => {
  const packages = readdirSync('infra', { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => [...readFileSync(join('infra', file), 'utf8').matchAll(/from '([^.'][^']*)'/g)].map(([, name]) => name!));
  expect([...new Set(packages)].filter((name) => !name.startsWith('node:')).sort()).toEqual([
    '@pulumi/aws',
    '@pulumi/awsx',
    '@pulumi/gcp',
    '@pulumi/pulumi',
    '@pulumi/random',
  ]);
});
