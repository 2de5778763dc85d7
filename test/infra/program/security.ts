import { describe, expect, test } from '@jest/globals';
import { type ProgramRun, runProgram } from '../support/run-program.ts';
import type { StackName } from '../support/stack-config.ts';

const types = (run: ProgramRun, type: string): number => run.all(type).length;

describe.each<StackName>(['dev', 'production'])('the security of %s', (stack) => {
  const load = (): Promise<ProgramRun> => runProgram(stack);

  test("empties the network's default group, which would let all its members reach each other", async () => {
    expect((await load()).one('aws:ec2/defaultSecurityGroup:DefaultSecurityGroup').inputs).toEqual({ vpcId: 'vpc-1' });
  });

  test('reaches S3 from every subnet without the internet', async () => {
    const run = await load();
    const tables = run.one('aws:ec2/vpcEndpoint:VpcEndpoint').inputs;
    expect(tables).toMatchObject({ vpcId: 'vpc-1', serviceName: 'com.amazonaws.eu-north-1.s3', vpcEndpointType: 'Gateway' });
    const kinds = stack === 'production' ? ['public', 'private', 'isolated'] : ['public', 'isolated'];
    const zones = stack === 'production' ? [1, 2, 3] : [1, 2];
    expect(tables.routeTableIds).toEqual(kinds.flatMap((kind) => zones.map((zone) => `rtb-${kind}-${zone}`)));
  });

  test("exports the database's log, measures its queries, and reports its events to the alarms' recipients", async () => {
    const run = await load();
    expect(run.one('aws:rds/instance:Instance').inputs).toMatchObject({
      enabledCloudwatchLogsExports: ['postgresql', 'upgrade'],
      performanceInsightsEnabled: true,
      // More is billed.
      performanceInsightsRetentionPeriod: 7,
    });
    expect(run.one('aws:rds/eventSubscription:EventSubscription').inputs).toMatchObject({
      snsTopic: run.outputs.alarmTopic,
      sourceType: 'db-instance',
      sourceIds: [run.outputs.databaseIdentifier],
      eventCategories: expect.arrayContaining(['failover', 'failure', 'recovery']),
    });
  });

  test('logs its traffic and has a web firewall in production, by default; dev saves their cost', async () => {
    const run = await load();
    const count = stack === 'production' ? 1 : 0;
    expect(types(run, 'aws:ec2/flowLog:FlowLog')).toBe(count);
    expect(types(run, 'aws:wafv2/webAcl:WebAcl')).toBe(count);
    expect(types(run, 'aws:s3/bucket:Bucket')).toBe(count);
  });
});

test("production's traffic logs are private, expire, and contain all connections and requests", async () => {
  const run = await runProgram('production');
  const bucket = 'sync-production-traffic-logs-0123456';
  expect(run.one('aws:ec2/flowLog:FlowLog').inputs).toEqual({
    vpcId: 'vpc-1',
    trafficType: 'ALL',
    logDestinationType: 's3',
    logDestination: `arn:aws:s3:::${bucket}/network`,
  });
  expect(run.one('aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock').inputs).toEqual({
    bucket,
    blockPublicAcls: true,
    blockPublicPolicy: true,
    ignorePublicAcls: true,
    restrictPublicBuckets: true,
  });
  expect(run.one('aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration').inputs).toMatchObject({
    bucket,
    rules: [{ status: 'Enabled', expiration: { days: 90 } }],
  });
});

test('the load balancer and the network log to the bucket only once they may: AWS refuses it before', async () => {
  const { registrations } = await runProgram('production');
  const policy = registrations.find(({ type, name }) => type === 'aws:s3/bucketPolicy:BucketPolicy' && name.endsWith('-traffic-logs'))!;
  const writers = registrations.filter(({ dependencies }) => dependencies.includes(policy.urn)).map(({ type }) => type);
  expect(writers).toEqual(expect.arrayContaining(['aws:lb/loadBalancer:LoadBalancer', 'aws:ec2/flowLog:FlowLog']));
});

test("production's web firewall blocks only addresses that send too many requests, and stands in front of the load balancer", async () => {
  const run = await runProgram('production');
  const { scope, defaultAction, rules } = run.one('aws:wafv2/webAcl:WebAcl').inputs;
  expect({ scope, defaultAction }).toEqual({ scope: 'REGIONAL', defaultAction: { allow: {} } });
  expect(rules).toEqual([
    expect.objectContaining({
      action: { block: {} },
      statement: { rateBasedStatement: { limit: 3000, evaluationWindowSec: 300, aggregateKeyType: 'IP' } },
    }),
  ]);
  expect(run.one('aws:wafv2/webAclAssociation:WebAclAssociation').inputs).toEqual({
    resourceArn: 'arn:aws:lb:eu-north-1:123456789012:LoadBalancer/sync-production-0123456',
    webAclArn: 'arn:aws:wafv2:eu-north-1:123456789012:WebAcl/sync-production-0123456',
  });
});
