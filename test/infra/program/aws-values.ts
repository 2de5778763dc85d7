import { loadAwsServiceSpec } from '@aws-cdk/aws-service-spec';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { type Recorded, runProgram } from '../support/run-program.ts';

interface Property {
  type: { type: string; allowedValues?: unknown[] };
  documentation?: string;
}

/** Words that Pulumi's types take as any text: where each is in the program, and in AWS's own description of its resources. */
const WORDS: [type: string, input: string, resource: string, property: string][] = [
  ['aws:ecs/service:Service', 'launchType', 'AWS::ECS::Service', 'LaunchType'],
  ['aws:ecs/service:Service', 'propagateTags', 'AWS::ECS::Service', 'PropagateTags'],
  ['aws:ecs/service:Service', 'availabilityZoneRebalancing', 'AWS::ECS::Service', 'AvailabilityZoneRebalancing'],
  ['aws:ecs/taskDefinition:TaskDefinition', 'networkMode', 'AWS::ECS::TaskDefinition', 'NetworkMode'],
  ['aws:ecs/taskDefinition:TaskDefinition', 'requiresCompatibilities', 'AWS::ECS::TaskDefinition', 'RequiresCompatibilities'],
  ['aws:ecr/repository:Repository', 'imageTagMutability', 'AWS::ECR::Repository', 'ImageTagMutability'],
  ['aws:cloudwatch/eventRule:EventRule', 'state', 'AWS::Events::Rule', 'State'],
  ['aws:cloudwatch/eventConnection:EventConnection', 'authorizationType', 'AWS::Events::Connection', 'AuthorizationType'],
  ['aws:cloudwatch/eventApiDestination:EventApiDestination', 'httpMethod', 'AWS::Events::ApiDestination', 'HttpMethod'],
  ['aws:cloudwatch/logGroup:LogGroup', 'retentionInDays', 'AWS::Logs::LogGroup', 'RetentionInDays'],
  ['aws:cloudwatch/metricAlarm:MetricAlarm', 'treatMissingData', 'AWS::CloudWatch::Alarm', 'TreatMissingData'],
  ['aws:lb/loadBalancer:LoadBalancer', 'loadBalancerType', 'AWS::ElasticLoadBalancingV2::LoadBalancer', 'Type'],
  ['aws:lb/loadBalancer:LoadBalancer', 'ipAddressType', 'AWS::ElasticLoadBalancingV2::LoadBalancer', 'IpAddressType'],
  ['aws:lb/targetGroup:TargetGroup', 'targetType', 'AWS::ElasticLoadBalancingV2::TargetGroup', 'TargetType'],
  ['aws:rds/instance:Instance', 'storageType', 'AWS::RDS::DBInstance', 'StorageType'],
  ['aws:route53/record:Record', 'type', 'AWS::Route53::RecordSet', 'Type'],
  ['aws:ec2/eip:Eip', 'domain', 'AWS::EC2::EIP', 'Domain'],
];

/** How long a name may be, with the 8 characters that Pulumi puts behind it. */
const LONGEST: Record<string, number> = {
  'aws:lb/loadBalancer:LoadBalancer': 32,
  'aws:lb/targetGroup:TargetGroup': 32,
  // Less than IAM's 64: Google's subject is made of it.
  'aws:iam/role:Role': 55,
  'aws:rds/instance:Instance': 63,
  'aws:rds/parameterGroup:ParameterGroup': 255,
  'aws:cloudwatch/eventRule:EventRule': 64,
  'aws:cloudwatch/eventConnection:EventConnection': 64,
  'aws:cloudwatch/eventApiDestination:EventApiDestination': 64,
  'aws:sqs/queue:Queue': 80,
  'aws:sns/topic:Topic': 256,
  'aws:cloudwatch/metricAlarm:MetricAlarm': 255,
};
const SUFFIX = 8;

describe("AWS's own description of its resources", () => {
  let resources: Recorded[];
  let find: (resource: string, property: string) => Property;

  beforeAll(async () => {
    const specification = await loadAwsServiceSpec();
    find = (resource, property) => {
      const [found] = specification.lookup('resource', 'cloudFormationType', 'equals', resource);
      const described = found?.properties[property];
      if (!described) throw new Error(`${resource} has no ${property}`);
      return described as unknown as Property;
    };
    resources = [...(await runProgram('dev')).resources, ...(await runProgram('production')).resources];
  });

  test.each(WORDS)('knows what %s has for %s, as %s and its %s', (type, input, resource, property) => {
    const { type: form, documentation = '' } = find(resource, property);
    // Where it has no list, its text names the words in backticks.
    const known = form.allowedValues ?? [...documentation.matchAll(/`([^`]+)`/g)].flatMap(([, words]) => words!.split(/[\s|]+/));
    const used = resources.filter((one) => one.type === type).flatMap(({ inputs }) => inputs[input] ?? []);
    expect(used).not.toEqual([]);
    expect(used.filter((value) => !known.includes(value))).toEqual([]);
  });
});

test("the longest stack's names are within AWS's and Google's limits", async () => {
  const run = await runProgram('production');
  const longest = 'a'.repeat(12);
  const length = (name: string): number => name.replace('production', longest).length + SUFFIX;
  const tooLong = run.resources
    .filter(({ type, name }) => length(name) > (LONGEST[type] ?? Number.POSITIVE_INFINITY))
    .map(({ name }) => name);
  expect(tooLong).toEqual([]);
  expect(run.resources.filter(({ type }) => type in LONGEST).length).toBeGreaterThan(15);
  const account = String(run.one('gcp:serviceaccount/account:Account').inputs.accountId).replace('production', longest);
  expect(account.length).toBeLessThanOrEqual(30);
  const pool = String(run.one('gcp:iam/workloadIdentityPool:WorkloadIdentityPool').inputs.workloadIdentityPoolId).replace(
    'production',
    longest,
  );
  expect(pool.length).toBeLessThanOrEqual(32);
});
