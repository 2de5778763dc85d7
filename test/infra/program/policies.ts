import { beforeAll, describe, expect, test } from '@jest/globals';
import { type ProgramRun, type Recorded, runProgram } from '../support/run-program.ts';
import type { StackName } from '../support/stack-config.ts';

interface Statement {
  Sid?: string;
  Effect: string;
  Principal?: Record<string, string>;
  Action: string[];
  Resource?: string | string[];
  Condition?: Record<string, Record<string, string>>;
}

/** Every policy that AWS is given, by who it is for. */
function policies(run: ProgramRun): { of: string; statements: Statement[] }[] {
  const written = (resource: Recorded): unknown[] => [resource.inputs.policy, resource.inputs.assumeRolePolicy];
  return run.resources.flatMap((resource) =>
    written(resource)
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

  test('are for all resources only where AWS knows no other way: signing in to ECR, and a key, whose policy means itself', () => {
    const boundless = policies(run).flatMap((policy) =>
      policy.statements.filter((statement) => resources(statement).includes('*')).map(({ Sid }) => `${policy.of}: ${Sid}`),
    );
    const ofKey = ['AccountDecidesByRoles', 'Logs', 'Alarms'].map((sid) => `Key sync-${stack}: ${sid}`);
    expect(boundless.sort()).toEqual(
      [...(stack === 'production' ? ofKey : []), `RolePolicy sync-${stack}-execution: SignInToRegistry`].sort(),
    );
  });

  test("name each action, but for the account's own power over its key", () => {
    const broad = statements().filter(({ Action }) => Action.some((action) => action.includes('*')));
    expect(broad.map(({ Sid }) => Sid)).toEqual(stack === 'production' ? ['AccountDecidesByRoles'] : []);
  });

  test('let an AWS service in only for this account, or for one thing in it', () => {
    const services = statements().filter(({ Principal }) => Principal?.Service);
    expect(services.length).toBeGreaterThanOrEqual(4);
    for (const { Condition } of services) {
      const bounds = Object.values(Condition ?? {}).flatMap((part) => Object.entries(part));
      expect(bounds.some(([key, value]) => /source(account|arn)|logs:arn/i.test(key) && value.includes('123456789012'))).toBe(true);
    }
  });

  test('let the service read one secret, the password of its database', () => {
    const [read, decrypt, ...others] = of(`RolePolicy sync-${stack}-task`);
    expect(read).toMatchObject({
      Action: ['secretsmanager:GetSecretValue'],
      Resource: 'arn:aws:secretsmanager:eu-north-1:123456789012:secret:rds!db-0-AbCdEf',
    });
    expect(decrypt?.Condition).toEqual(
      stack === 'production' ? { StringEquals: { 'kms:ViaService': 'secretsmanager.eu-north-1.amazonaws.com' } } : undefined,
    );
    expect(others).toEqual([]);
  });

  test('let ECS read exactly the secrets that the task names, and pull from our repositories', () => {
    const secret = (part: string) => `arn:aws:secretsmanager:eu-north-1:123456789012:secret:sync-${stack}-${part}-0123456-AbCdEf`;
    const find = (sid: string) => of(`RolePolicy sync-${stack}-execution`).find(({ Sid }) => Sid === sid)!;
    expect(resources(find('ReadSecrets')).sort()).toEqual([secret('api-keys'), secret('salesforce-apps'), secret('token-keys')]);
    expect(resources(find('PullImage'))).toEqual([
      `arn:aws:ecr:eu-north-1:123456789012:Repository/sync-${stack}-0123456`,
      ...(stack === 'production' ? ['arn:aws:ecr:eu-north-1:123456789012:repository/sync'] : []),
    ]);
  });

  test('let the log be written with the key under the name that it has', () => {
    if (stack === 'dev') return expect(run.one('aws:cloudwatch/logGroup:LogGroup').inputs).not.toHaveProperty('kmsKeyId');
    const { Condition } = of(`Key sync-${stack}`).find(({ Sid }) => Sid === 'Logs')!;
    const [group] = Object.values(Condition!.ArnLike!);
    expect(`arn:aws:logs:eu-north-1:123456789012:log-group:${run.outputs.logGroup}`).toMatch(new RegExp(`^${group!.replace('*', '.*')}$`));
  });

  test("attach none of AWS's ready-made policies, which are for everything", () => {
    expect(run.all('aws:iam/rolePolicyAttachment:RolePolicyAttachment')).toEqual([]);
    for (const { inputs } of run.all('aws:iam/role:Role')) expect(inputs).not.toHaveProperty('managedPolicyArns');
  });

  test('let EventBridge call the one destination and leave dead letters in the one queue', () => {
    const rule = `arn:aws:events:eu-north-1:123456789012:rule/sync-${stack}-0123456`;
    expect(of(`RolePolicy sync-${stack}-schedule`)).toEqual([
      {
        Effect: 'Allow',
        Action: ['events:InvokeApiDestination'],
        Resource: run.one('aws:cloudwatch/eventTarget:EventTarget').inputs.arn,
      },
    ]);
    expect(of(`QueuePolicy sync-${stack}-dead-letters`)).toEqual([
      expect.objectContaining({ Action: ['sqs:SendMessage'], Condition: { ArnEquals: { 'aws:SourceArn': rule } } }),
    ]);
  });
});
