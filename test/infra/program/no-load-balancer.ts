import { expect, test } from '@jest/globals';
import { readConfig } from '../../../app/config.ts';
import { type ProgramRun, runProgram } from '../support/run-program.ts';
import { taskContainer } from '../support/task-container.ts';

const load = (): Promise<ProgramRun> =>
  runProgram('dev', { changes: { loadBalancer: false, domainName: '', hostedZoneId: '', allowedCidrs: [] } });

const QUEUE = 'https://sqs.eu-north-1.amazonaws.com/123456789012/sync-dev-ticks-0123456';

test('without a load balancer, nothing is open to the internet: no balancer, certificate, record or inbound rule', async () => {
  const run = await load();
  const absent = [
    'aws:lb/',
    'aws:acm/',
    'aws:route53/',
    'aws:wafv2/',
    'aws:cloudwatch/eventConnection',
    'aws:cloudwatch/eventApiDestination',
  ];
  expect(run.resources.filter(({ type }) => absent.some((prefix) => type.startsWith(prefix)))).toEqual([]);
  const inbound = run.all('aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule').map(({ name }) => name);
  expect(inbound).toEqual(['sync-dev-database-from-app']);
  expect(
    run.all('aws:cloudwatch/metricAlarm:MetricAlarm').filter(({ inputs }) => /ELB|Certificate/.test(String(inputs.namespace))),
  ).toEqual([]);
  expect(run.one('aws:ecs/service:Service').inputs).not.toHaveProperty('loadBalancers');
});

test('the schedule sends its ticks to a queue, which only it may fill and only the task may read', async () => {
  const run = await load();
  const target = run.one('aws:cloudwatch/eventTarget:EventTarget', 'dev').inputs;
  expect(target).toMatchObject({ arn: 'arn:aws:sqs:eu-north-1:123456789012:Queue/sync-dev-ticks-0123456', input: '{}' });
  expect(target).not.toHaveProperty('roleArn');
  const { policy } = run.one('aws:sqs/queuePolicy:QueuePolicy', '-ticks').inputs;
  expect((JSON.parse(String(policy)) as { Statement: object[] }).Statement).toEqual([
    {
      Effect: 'Allow',
      Principal: { Service: 'events.amazonaws.com' },
      Action: ['sqs:SendMessage'],
      Resource: target.arn,
      Condition: { ArnEquals: { 'aws:SourceArn': 'arn:aws:events:eu-north-1:123456789012:rule/sync-dev-0123456' } },
    },
  ]);
  const task = JSON.parse(String(run.one('aws:iam/rolePolicy:RolePolicy', '-task').inputs.policy)) as {
    Statement: { Sid: string; Action: string[]; Resource: string }[];
  };
  expect(task.Statement.find(({ Sid }) => Sid === 'ReadTicks')).toEqual({
    Effect: 'Allow',
    Sid: 'ReadTicks',
    Action: ['sqs:ReceiveMessage', 'sqs:DeleteMessage'],
    Resource: target.arn,
  });
  expect(task.Statement.find(({ Sid }) => Sid === 'OpenTunnel')?.Action).toEqual(
    ['CreateControlChannel', 'CreateDataChannel', 'OpenControlChannel', 'OpenDataChannel'].map((one) => `ssmmessages:${one}`),
  );
});

test('the app reads that queue, and is reached at localhost, where the tunnel ends', async () => {
  const run = await load();
  const { environment, mountPoints } = taskContainer(run);
  const env = Object.fromEntries(environment.map(({ name, value }) => [name, value]));
  expect(env).toMatchObject({ TICK_QUEUE_URL: QUEUE, PUBLIC_URL: 'http://localhost:4444', TRUSTED_PROXY_HOPS: '0' });
  const secrets = {
    API_KEYS: `a:tick:${'0'.repeat(64)}`,
    SALESFORCE_APPS: '{"acme.my.salesforce.com":{"client_id":"a","client_secret":"b"}}',
    TOKEN_KEYS: Buffer.from('0123456789abcdef0123456789abcdef').toString('base64'),
  };
  const config = readConfig({ ...env, ...secrets, AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: '/v2/credentials/1' });
  expect(config.aws).toMatchObject({ tickQueueUrl: QUEUE, queueEndpoint: 'https://sqs.eu-north-1.amazonaws.com' });
  expect(run.outputs).toMatchObject({
    url: 'http://localhost:4444',
    callbackUrl: 'http://localhost:4444/oauth/callback',
    targetGroup: undefined,
  });
  // The agent of the tunnel writes there, and the rest of the file system stays read-only.
  expect(mountPoints).toEqual(
    ['/tmp', '/var/lib/amazon', '/var/log/amazon'].map((containerPath) => expect.objectContaining({ containerPath })),
  );
  expect(run.one('aws:ecs/service:Service').inputs.enableExecuteCommand).toBe(true);
  const volumes = run.one('aws:ecs/taskDefinition:TaskDefinition').inputs.volumes as { name: string }[];
  expect(volumes.map(({ name }) => name)).toEqual((mountPoints as { sourceVolume: string }[]).map(({ sourceVolume }) => sourceVolume));
});
