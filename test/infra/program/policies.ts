import { beforeAll, describe, expect, test } from '@jest/globals';
import { createResource } from '../support/cloud.ts';
import { type ProgramRun, type Recorded, runProgram } from '../support/run-program.ts';
import type { StackName } from '../support/stack-config.ts';

interface Statement {
  Sid?: string;
  Effect: string;
  Principal?: Record<string, string | string[]>;
  Action: string[];
  Resource?: string | string[];
  Condition?: Record<string, Record<string, string>>;
}

/** Every policy in the stack, with the resource it belongs to. */
function policies(run: ProgramRun): { of: string; statements: Statement[] }[] {
  const documents = (resource: Recorded): unknown[] => [resource.inputs.policy, resource.inputs.assumeRolePolicy];
  return run.resources.flatMap((resource) =>
    documents(resource)
      .filter((text): text is string => typeof text === 'string' && text.includes('Statement'))
      .map((text) => ({
        of: `${resource.type.split(':').at(-1)} ${resource.name}`,
        statements: (JSON.parse(text) as { Statement: Statement[] }).Statement,
      })),
  );
}

const resources = ({ Resource }: Statement): string[] => [Resource ?? []].flat();

describe.each<StackName>(['dev', 'production'])('the policies of %s', (stack) => {
  let run: ProgramRun;
  beforeAll(async () => {
    run = await runProgram(stack);
  });
  const statements = (): Statement[] => policies(run).flatMap((policy) => policy.statements);
  const of = (name: string): Statement[] => policies(run).find((policy) => policy.of === name)!.statements;

  test('use the resource * only if AWS requires it: to sign in to ECR, and in a key policy, where it means the key', () => {
    const wildcards = policies(run).flatMap((policy) =>
      policy.statements.filter((statement) => resources(statement).includes('*')).map(({ Sid }) => `${policy.of}: ${Sid}`),
    );
    const ofKey = ['AccountDecidesByRoles', 'Logs', 'Alarms'].map((sid) => `Key sync-${stack}: ${sid}`);
    expect(wildcards.sort()).toEqual(
      [...(stack === 'production' ? ofKey : []), `RolePolicy sync-${stack}-execution: SignInToRegistry`].sort(),
    );
  });

  test("list every action, except for the account's own access to its key", () => {
    const wildcards = statements().filter(({ Action }) => Action.some((action) => action.includes('*')));
    expect(wildcards.map(({ Sid }) => Sid)).toEqual(stack === 'production' ? ['AccountDecidesByRoles'] : []);
  });

  test('trust an AWS service only for this account or one of its resources, except EventBridge, which sends neither to SNS', () => {
    const services = statements().filter(({ Principal, Sid }) => Principal?.Service && Sid !== 'Findings');
    expect(services.length).toBeGreaterThanOrEqual(4);
    for (const { Condition } of services) {
      const conditions = Object.values(Condition ?? {}).flatMap((part) => Object.entries(part));
      expect(conditions.some(([key, value]) => /source(account|arn)|logs:arn/i.test(key) && value.includes('123456789012'))).toBe(true);
    }
  });

  test('are exactly the expected ones', () => {
    const found = Object.fromEntries(policies(run).map((policy) => [policy.of, policy.statements]));
    expect(found).toEqual(expectedPolicies(run, stack));
  });

  test('let CloudWatch encrypt the log group with the key, under its actual name', () => {
    if (stack === 'dev') return expect(run.one('aws:cloudwatch/logGroup:LogGroup').inputs).not.toHaveProperty('kmsKeyId');
    const { Condition } = of(`Key sync-${stack}`).find(({ Sid }) => Sid === 'Logs')!;
    const [group] = Object.values(Condition!.ArnLike!);
    expect(`arn:aws:logs:eu-north-1:123456789012:log-group:${run.outputs.logGroup}`).toMatch(new RegExp(`^${group!.replace('*', '.*')}$`));
  });

  test("attach none of AWS's managed policies, which cover all resources", () => {
    expect(run.all('aws:iam/rolePolicyAttachment:RolePolicyAttachment')).toEqual([]);
    for (const { inputs } of run.all('aws:iam/role:Role')) expect(inputs).not.toHaveProperty('managedPolicyArns');
  });
});

/** Everything that anyone may do in a stack's AWS account. */
function expectedPolicies(run: ProgramRun, stack: StackName): Record<string, Statement[]> {
  const name = `sync-${stack}`;
  const arn = (type: string, part = ''): string =>
    String(createResource(type, run.one(type, part).name, run.one(type, part).inputs).state.arn);
  const key = `arn:aws:kms:eu-north-1:123456789012:Key/${name}-0123456`;
  const rule = arn('aws:cloudwatch/eventRule:EventRule', stack);
  const secrets = run.all('aws:secretsmanager/secret:Secret').map((secret) => arn(secret.type, secret.name));
  // Only for set-up.
  const master = 'arn:aws:secretsmanager:eu-north-1:123456789012:secret:rds!db-0-AbCdEf';
  const ofAccount = { 'aws:SourceAccount': '123456789012' };
  const allow = (statement: Omit<Statement, 'Effect'>): Statement => ({ Effect: 'Allow', ...statement });
  const trust = (service: string, Condition: Statement['Condition'] & object): Statement[] => [
    allow({ Principal: { Service: service }, Action: ['sts:AssumeRole'], Condition }),
  ];
  const tasks = trust('ecs-tasks.amazonaws.com', {
    StringEquals: ofAccount,
    ArnLike: { 'aws:SourceArn': 'arn:aws:ecs:eu-north-1:123456789012:*' },
  });
  const decryptSecrets = allow({
    Sid: 'DecryptSecrets',
    Action: ['kms:Decrypt'],
    Resource: key,
    Condition: { StringEquals: { 'kms:ViaService': 'secretsmanager.eu-north-1.amazonaws.com' } },
  });
  const withKey = (...statements: Statement[]): Statement[] => (stack === 'production' ? statements : []);
  const publishers = ['cloudwatch.amazonaws.com', 'events.rds.amazonaws.com'];
  const ofKey: Statement[] = [
    allow({
      Sid: 'AccountDecidesByRoles',
      Principal: { AWS: 'arn:aws:iam::123456789012:root' },
      Action: ['kms:*'],
      Resource: '*',
    }),
    allow({
      Sid: 'Logs',
      Principal: { Service: 'logs.eu-north-1.amazonaws.com' },
      Action: ['kms:Encrypt', 'kms:Decrypt', 'kms:ReEncryptFrom', 'kms:ReEncryptTo', 'kms:GenerateDataKey', 'kms:DescribeKey'],
      Resource: '*',
      Condition: { ArnLike: { 'kms:EncryptionContext:aws:logs:arn': `arn:aws:logs:eu-north-1:123456789012:log-group:${name}*` } },
    }),
    allow({
      Sid: 'Alarms',
      Principal: { Service: publishers },
      Action: ['kms:Decrypt', 'kms:GenerateDataKey'],
      Resource: '*',
      Condition: { StringEquals: ofAccount },
    }),
  ];
  const bucket = `arn:aws:s3:::${name}-traffic-logs-0123456`;
  const delivery = { Principal: { Service: 'delivery.logs.amazonaws.com' }, Condition: { StringEquals: ofAccount } };
  const trafficLogs: Statement[] = [
    allow({
      Sid: 'LoadBalancer',
      Principal: { Service: 'logdelivery.elasticloadbalancing.amazonaws.com' },
      Action: ['s3:PutObject'],
      Resource: `${bucket}/load-balancer/AWSLogs/123456789012/*`,
      Condition: { ArnLike: { 'aws:SourceArn': 'arn:aws:elasticloadbalancing:eu-north-1:123456789012:loadbalancer/*' } },
    }),
    allow({ Sid: 'Network', ...delivery, Action: ['s3:PutObject'], Resource: `${bucket}/network/AWSLogs/123456789012/*` }),
    allow({ Sid: 'NetworkCheck', ...delivery, Action: ['s3:GetBucketAcl'], Resource: bucket }),
  ];
  return {
    [`Role ${name}-task`]: tasks,
    [`Role ${name}-execution`]: tasks,
    [`Role ${name}-schedule`]: trust('events.amazonaws.com', { StringEquals: ofAccount, ArnEquals: { 'aws:SourceArn': rule } }),
    [`RolePolicy ${name}-task`]: [
      allow({
        Sid: 'ReadDatabasePassword',
        Action: ['secretsmanager:GetSecretValue'],
        Resource: arn('aws:secretsmanager/secret:Secret', 'database-runtime'),
      }),
      ...withKey(decryptSecrets),
    ],
    [`RolePolicy ${name}-execution`]: [
      allow({ Sid: 'SignInToRegistry', Action: ['ecr:GetAuthorizationToken'], Resource: '*' }),
      allow({
        Sid: 'PullImage',
        Action: ['ecr:BatchCheckLayerAvailability', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'],
        Resource: [
          arn('aws:ecr/repository:Repository'),
          // The repository of `imageUri`.
          ...(stack === 'production' ? ['arn:aws:ecr:eu-north-1:123456789012:repository/sync'] : []),
        ],
      }),
      allow({ Sid: 'ReadSecrets', Action: ['secretsmanager:GetSecretValue'], Resource: [...secrets, master] }),
      ...withKey(decryptSecrets),
      allow({
        Sid: 'WriteLog',
        Action: ['logs:CreateLogStream', 'logs:PutLogEvents'],
        Resource: `${arn('aws:cloudwatch/logGroup:LogGroup')}:*`,
      }),
    ],
    [`RolePolicy ${name}-schedule`]: [
      allow({ Action: ['events:InvokeApiDestination'], Resource: arn('aws:cloudwatch/eventApiDestination:EventApiDestination') }),
    ],
    [`QueuePolicy ${name}-dead-letters`]: [
      allow({
        Principal: { Service: 'events.amazonaws.com' },
        Action: ['sqs:SendMessage'],
        Resource: arn('aws:sqs/queue:Queue'),
        Condition: { ArnEquals: { 'aws:SourceArn': rule } },
      }),
    ],
    [`TopicPolicy ${name}-alarms`]: [
      allow({
        Sid: 'Alarms',
        Principal: { Service: publishers },
        Action: ['sns:Publish'],
        Resource: `arn:aws:sns:eu-north-1:123456789012:Topic/${name}-alarms-0123456`,
        Condition: { StringEquals: ofAccount },
      }),
    ],
    [`TopicPolicy ${name}-image-findings`]: [
      allow({
        Sid: 'Findings',
        Principal: { Service: 'events.amazonaws.com' },
        Action: ['sns:Publish'],
        Resource: `arn:aws:sns:eu-north-1:123456789012:Topic/${name}-image-findings-0123456`,
      }),
    ],
    ...(stack === 'production' && { [`Key ${name}`]: ofKey, [`BucketPolicy ${name}-traffic-logs`]: trafficLogs }),
  };
}

test('every role has its own policy, and every resource its own role', async () => {
  const run = await runProgram('production');
  const role = (part: string): string => `sync-production-${part}-0123456`;
  const roleOf = Object.fromEntries(run.all('aws:iam/rolePolicy:RolePolicy').map(({ name, inputs }) => [name, inputs.role]));
  expect(roleOf).toEqual({
    'sync-production-task': role('task'),
    'sync-production-execution': role('execution'),
    'sync-production-schedule': role('schedule'),
  });
  const roleArn = (part: string): string => `arn:aws:iam::123456789012:role/${role(part)}`;
  expect(run.one('aws:ecs/taskDefinition:TaskDefinition').inputs).toMatchObject({
    taskRoleArn: roleArn('task'),
    executionRoleArn: roleArn('execution'),
  });
  expect(run.one('aws:cloudwatch/eventTarget:EventTarget', 'production').inputs.roleArn).toBe(roleArn('schedule'));
  const queue = String(run.one('aws:sqs/queuePolicy:QueuePolicy').inputs.queueUrl);
  expect(queue).toMatch(/\/sync-production-dead-letters-0123456$/);
});

test("after set-up, neither the service nor ECS may read the password of RDS's master", async () => {
  const run = await runProgram('production', { changes: { databaseSetUp: false } });
  expect(JSON.stringify(policies(run))).not.toContain('rds!db-');
  expect(JSON.stringify(run.one('aws:ecs/taskDefinition:TaskDefinition').inputs)).not.toMatch(/rds!db-|MASTER/);
});
