import { runInNewContext } from 'node:vm';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { type ProgramRun, runProgram } from '../support/run-program.ts';
import type { StackName } from '../support/stack-config.ts';
import { taskContainer } from '../support/task-container.ts';

const DATASET = 'gcp:bigquery/dataset:Dataset';
const EMAIL = (stack: StackName) => `sync-${stack}@acme-sync.iam.gserviceaccount.com`;

/** A string with the methods of Google's expressions: https://cloud.google.com/iam/docs/conditions-attribute-reference#extract */
class CelText extends String {
  contains(part: string): boolean {
    return this.includes(part);
  }

  /** The part that the template's placeholder matches; empty if the rest of the template does not match. */
  extract(template: string): string {
    const [before = '', after = ''] = template.split(/\{\w+\}/);
    const start = this.indexOf(before);
    if (start < 0) return '';
    const end = after === '' ? this.length : this.indexOf(after, start + before.length);
    return end < 0 ? '' : this.slice(start + before.length, end);
  }
}

/** Evaluates an expression as JavaScript, in which the parts of Google's language that we use mean the same. */
function evaluate(expression: string, names: Record<string, Record<string, unknown>>): unknown {
  const value: unknown = runInNewContext(expression, names);
  return value instanceof CelText ? String(value) : value;
}

describe.each<StackName>(['dev', 'production'])('the Google side of %s', (stack) => {
  let run: ProgramRun;
  beforeAll(async () => {
    run = await runProgram(stack);
  });
  const role = `arn:aws:sts::123456789012:assumed-role/sync-${stack}-task-0123456`;

  test('maps a session to the ARN of its role, and rejects sessions of other roles', () => {
    const { attributeMapping, attributeCondition } = run.one('gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider').inputs;
    const mapping = attributeMapping as Record<string, string>;
    expect(Object.keys(mapping).sort()).toEqual(['attribute.aws_role', 'google.subject']);
    const exchange = (arn: string) => {
      const subject = evaluate(mapping['google.subject']!, { assertion: { arn: new CelText(arn) } });
      const aws_role = evaluate(mapping['attribute.aws_role']!, { assertion: { arn: new CelText(arn) } });
      return { subject, role: aws_role, isAdmitted: evaluate(String(attributeCondition), { attribute: { aws_role } }) };
    };
    const session = '0123456789abcdef0123456789abcdef';
    expect(exchange(`${role}/${session}`)).toEqual({ subject: `${role}/${session}`, role, isAdmitted: true });
    const others = [
      `arn:aws:sts::123456789012:assumed-role/another/${session}`,
      `arn:aws:sts::123456789012:assumed-role/another/sync-${stack}-task-0123456`,
      `arn:aws:sts::210987654321:assumed-role/sync-${stack}-task-0123456/${session}`,
      `arn:aws:sts::123456789012:assumed-role/sync-${stack}-execution-0123456/${session}`,
      'arn:aws:iam::123456789012:user/someone',
      'arn:aws:iam::123456789012:root',
    ];
    expect(others.filter((arn) => exchange(arn).isAdmitted)).toEqual([]);
  });

  test("admits the task's role, and no other", () => {
    const [name] = [String(run.one('aws:ecs/taskDefinition:TaskDefinition').inputs.taskRoleArn).split('role/')[1]];
    expect(role).toBe(`arn:aws:sts::123456789012:assumed-role/${name}`);
    const provider = run.one('gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider').inputs;
    expect(provider).toMatchObject({ aws: { accountId: '123456789012' }, attributeCondition: `attribute.aws_role == "${role}"` });
    expect(provider.attributeMapping).toHaveProperty(['google.subject'], 'assertion.arn');
    expect(run.one('gcp:serviceaccount/iAMMember:IAMMember').inputs).toMatchObject({
      role: 'roles/iam.workloadIdentityUser',
      member: expect.stringMatching(new RegExp(`/workloadIdentityPools/sync-${stack}-[0-9a-f]{6}/attribute.aws_role/${role}$`)),
    });
  });

  test('gives the app what it needs to impersonate the service account, and creates no key', () => {
    const environment = Object.fromEntries(taskContainer(run).environment.map(({ name, value }) => [name, value]));
    expect(environment).toMatchObject({
      WIF_AUDIENCE: expect.stringMatching(
        /^\/\/iam\.googleapis\.com\/projects\/\d+\/locations\/global\/workloadIdentityPools\/sync-\S+\/providers\/aws-tasks$/,
      ),
      GCP_SERVICE_ACCOUNT: EMAIL(stack),
      AWS_REGION: 'eu-north-1',
    });
    expect(run.all('gcp:serviceaccount/key:Key')).toEqual([]);
  });

  test("lets the account start jobs in the project, and write only to the app's configured datasets", () => {
    expect(run.all('gcp:projects/iAMMember:IAMMember').map(({ inputs }) => inputs)).toEqual([
      { project: 'acme-sync', role: 'roles/bigquery.jobUser', member: `serviceAccount:${EMAIL(stack)}` },
    ]);
    const { environment } = taskContainer(run);
    const configured = environment
      .filter(({ name }) => /^BIGQUERY_(DATASETS|STAGING_DATASET)$/.test(name))
      .flatMap(({ value }) => value.split(','));
    expect(run.all(DATASET).map(({ inputs }) => inputs.datasetId)).toEqual(configured);
    for (const { inputs } of run.all(DATASET)) {
      expect(inputs.accesses).toEqual(expect.arrayContaining([{ role: 'WRITER', userByEmail: EMAIL(stack) }]));
      expect(inputs).toMatchObject({ location: 'EU', project: 'acme-sync' });
    }
  });

  test('lets staging tables expire after eight days, and target tables never', () => {
    const [target, staging] = run.all(DATASET);
    expect(staging?.inputs).toMatchObject({
      datasetId: `salesforce${stack === 'dev' ? '_dev' : ''}_staging`,
      defaultTableExpirationMs: 8 * 24 * 3600 * 1000,
    });
    expect(target?.inputs).not.toHaveProperty('defaultTableExpirationMs');
  });

  test('enables the APIs that the service and its token exchange call', () => {
    const apis = run.all('gcp:projects/service:Service').map(({ inputs }) => inputs.service);
    expect(apis.sort()).toEqual(['bigquery', 'cloudresourcemanager', 'iam', 'iamcredentials', 'sts'].map((api) => `${api}.googleapis.com`));
  });

  test("has time travel within BigQuery's limits: 48 to 168 hours, in whole days", () => {
    const hours = run.all(DATASET).map(({ inputs }) => Number(inputs.maxTimeTravelHours ?? 168));
    expect(hours.filter((one) => one % 24 !== 0 || one < 48 || one > 168)).toEqual([]);
    // Time travel is billed by the byte, so only target tables get the maximum.
    expect(hours).toEqual([168, 48]);
  });

  test('leaves its APIs enabled when the stack is destroyed', () => {
    for (const { inputs } of run.all('gcp:projects/service:Service')) expect(inputs.disableOnDestroy).toBe(false);
  });
});

test("production's analysts can read the target datasets, but not staging", async () => {
  const [target, staging] = (await runProgram('production')).all(DATASET).map(({ inputs }) => inputs.accesses);
  expect(target).toEqual(
    expect.arrayContaining([
      { role: 'READER', groupByEmail: 'analysts@acme.test' },
      { role: 'READER', userByEmail: 'ada@acme.test' },
      { role: 'READER', domain: 'acme.test' },
    ]),
  );
  expect(JSON.stringify(staging)).not.toContain('READER');
});

test("production's datasets cannot be deleted by mistake, and dev's are deleted with their tables", async () => {
  for (const { inputs } of (await runProgram('production')).all(DATASET)) {
    expect(inputs).toMatchObject({ deletionPolicy: 'PREVENT', deleteContentsOnDestroy: false });
  }
  for (const { inputs } of (await runProgram('dev')).all(DATASET)) {
    expect(inputs).toMatchObject({ deletionPolicy: 'DELETE', deleteContentsOnDestroy: true });
  }
});
