import { beforeAll, describe, expect, test } from '@jest/globals';
import { type Described, loadDescription } from '../support/aws-description.ts';
import { type Recorded, runProgram } from '../support/run-program.ts';

/** What CloudFormation calls a resource of Pulumi's, and with it AWS's own description. */
const RESOURCES: Record<string, string> = {
  'aws:acm/certificate:Certificate': 'AWS::CertificateManager::Certificate',
  'aws:cloudwatch/eventApiDestination:EventApiDestination': 'AWS::Events::ApiDestination',
  'aws:cloudwatch/eventConnection:EventConnection': 'AWS::Events::Connection',
  'aws:cloudwatch/eventRule:EventRule': 'AWS::Events::Rule',
  'aws:cloudwatch/eventTarget:EventTarget': 'AWS::Events::Rule',
  'aws:cloudwatch/logGroup:LogGroup': 'AWS::Logs::LogGroup',
  'aws:cloudwatch/logMetricFilter:LogMetricFilter': 'AWS::Logs::MetricFilter',
  'aws:cloudwatch/metricAlarm:MetricAlarm': 'AWS::CloudWatch::Alarm',
  'aws:ec2/eip:Eip': 'AWS::EC2::EIP',
  'aws:ec2/securityGroup:SecurityGroup': 'AWS::EC2::SecurityGroup',
  'aws:ecr/repository:Repository': 'AWS::ECR::Repository',
  'aws:ecs/cluster:Cluster': 'AWS::ECS::Cluster',
  'aws:ecs/service:Service': 'AWS::ECS::Service',
  'aws:ecs/taskDefinition:TaskDefinition': 'AWS::ECS::TaskDefinition',
  'aws:iam/role:Role': 'AWS::IAM::Role',
  'aws:iam/rolePolicy:RolePolicy': 'AWS::IAM::RolePolicy',
  'aws:kms/alias:Alias': 'AWS::KMS::Alias',
  'aws:kms/key:Key': 'AWS::KMS::Key',
  'aws:lb/listener:Listener': 'AWS::ElasticLoadBalancingV2::Listener',
  'aws:lb/listenerRule:ListenerRule': 'AWS::ElasticLoadBalancingV2::ListenerRule',
  'aws:lb/loadBalancer:LoadBalancer': 'AWS::ElasticLoadBalancingV2::LoadBalancer',
  'aws:lb/targetGroup:TargetGroup': 'AWS::ElasticLoadBalancingV2::TargetGroup',
  'aws:rds/instance:Instance': 'AWS::RDS::DBInstance',
  'aws:rds/parameterGroup:ParameterGroup': 'AWS::RDS::DBParameterGroup',
  'aws:rds/subnetGroup:SubnetGroup': 'AWS::RDS::DBSubnetGroup',
  'aws:route53/record:Record': 'AWS::Route53::RecordSet',
  'aws:secretsmanager/secret:Secret': 'AWS::SecretsManager::Secret',
  'aws:sns/topic:Topic': 'AWS::SNS::Topic',
  'aws:sns/topicSubscription:TopicSubscription': 'AWS::SNS::Subscription',
  'aws:sqs/queue:Queue': 'AWS::SQS::Queue',
  'aws:sqs/queuePolicy:QueuePolicy': 'AWS::SQS::QueuePolicy',
  'aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule': 'AWS::EC2::SecurityGroupEgress',
  'aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule': 'AWS::EC2::SecurityGroupIngress',
};

/** Parts of resources that are resources to Pulumi alone; tests of their own look at them. */
const PARTS = [
  'aws:acm/certificateValidation:CertificateValidation',
  'aws:ecr/lifecyclePolicy:LifecyclePolicy',
  'aws:secretsmanager/secretVersion:SecretVersion',
];

/** Where Pulumi's name is another one than AWS's; the beginning of a path, which the rest follows. */
const RENAMED: Record<string, string> = {
  'Alias name': 'AliasName',
  'Cluster settings': 'ClusterSettings',
  'EventConnection authParameters.apiKey.key': 'AuthParameters.ApiKeyAuthParameters.ApiKeyName',
  'EventConnection authParameters.apiKey.value': 'AuthParameters.ApiKeyAuthParameters.ApiKeyValue',
  'EventTarget arn': 'Targets.Arn',
  'EventTarget deadLetterConfig': 'Targets.DeadLetterConfig',
  'EventTarget input': 'Targets.Input',
  'EventTarget retryPolicy': 'Targets.RetryPolicy',
  'EventTarget roleArn': 'Targets.RoleArn',
  'EventTarget rule': 'Name',
  'Instance caCertIdentifier': 'CACertificateIdentifier',
  'Instance instanceClass': 'DBInstanceClass',
  'Instance masterUserSecretKmsKeyId': 'MasterUserSecret.KmsKeyId',
  'Instance parameterGroupName': 'DBParameterGroupName',
  'Instance username': 'MasterUsername',
  'Instance vpcSecurityGroupIds': 'VPCSecurityGroups',
  'Key deletionWindowInDays': 'PendingWindowInDays',
  'Key policy': 'KeyPolicy',
  'Listener certificateArn': 'Certificates.CertificateArn',
  'Listener defaultActions.fixedResponse': 'DefaultActions.FixedResponseConfig',
  'Listener defaultActions.redirect': 'DefaultActions.RedirectConfig',
  'ListenerRule actions.fixedResponse': 'Actions.FixedResponseConfig',
  'ListenerRule conditions.hostHeader': 'Conditions.HostHeaderConfig',
  'ListenerRule conditions.httpRequestMethod': 'Conditions.HttpRequestMethodConfig',
  'ListenerRule conditions.pathPattern': 'Conditions.PathPatternConfig',
  'ListenerRule conditions.sourceIp': 'Conditions.SourceIpConfig',
  'LoadBalancer loadBalancerType': 'Type',
  'LogMetricFilter metricTransformation.name': 'MetricTransformations.MetricName',
  'LogMetricFilter metricTransformation.namespace': 'MetricTransformations.MetricNamespace',
  'LogMetricFilter metricTransformation.value': 'MetricTransformations.MetricValue',
  'LogMetricFilter pattern': 'FilterPattern',
  'Queue messageRetentionSeconds': 'MessageRetentionPeriod',
  'QueuePolicy policy': 'PolicyDocument',
  'QueuePolicy queueUrl': 'Queues',
  'Record aliases.evaluateTargetHealth': 'AliasTarget.EvaluateTargetHealth',
  'Record aliases.name': 'AliasTarget.DNSName',
  'Record aliases.zoneId': 'AliasTarget.HostedZoneId',
  'Record records': 'ResourceRecords',
  'Record zoneId': 'HostedZoneId',
  'Repository encryptionConfigurations': 'EncryptionConfiguration',
  'Role assumeRolePolicy': 'AssumeRolePolicyDocument',
  'RolePolicy policy': 'PolicyDocument',
  'RolePolicy role': 'RoleName',
  'SecurityGroup description': 'GroupDescription',
  'SecurityGroupEgressRule cidrIpv4': 'CidrIp',
  'SecurityGroupEgressRule referencedSecurityGroupId': 'DestinationSecurityGroupId',
  'SecurityGroupEgressRule securityGroupId': 'GroupId',
  'SecurityGroupIngressRule cidrIpv4': 'CidrIp',
  'SecurityGroupIngressRule referencedSecurityGroupId': 'SourceSecurityGroupId',
  'SecurityGroupIngressRule securityGroupId': 'GroupId',
  'Service deploymentCircuitBreaker': 'DeploymentConfiguration.DeploymentCircuitBreaker',
  'Service deploymentMaximumPercent': 'DeploymentConfiguration.MaximumPercent',
  'Service deploymentMinimumHealthyPercent': 'DeploymentConfiguration.MinimumHealthyPercent',
  'Service networkConfiguration': 'NetworkConfiguration.AwsvpcConfiguration',
  'SubnetGroup description': 'DBSubnetGroupDescription',
  'TargetGroup healthCheck.healthyThreshold': 'HealthyThresholdCount',
  'TargetGroup healthCheck.interval': 'HealthCheckIntervalSeconds',
  'TargetGroup healthCheck.matcher': 'Matcher.HttpCode',
  'TargetGroup healthCheck.path': 'HealthCheckPath',
  'TargetGroup healthCheck.protocol': 'HealthCheckProtocol',
  'TargetGroup healthCheck.timeout': 'HealthCheckTimeoutSeconds',
  'TargetGroup healthCheck.unhealthyThreshold': 'UnhealthyThresholdCount',
  'TopicSubscription topic': 'TopicArn',
};

/** What Pulumi's provider alone knows, or AWS takes as a list of names and values of its own; exact in the other tests. */
const NOT_DESCRIBED = [
  'Instance finalSnapshotIdentifier',
  'Instance skipFinalSnapshot',
  'LoadBalancer dropInvalidHeaderFields',
  'LoadBalancer enableDeletionProtection',
  'LoadBalancer idleTimeout',
  'LoadBalancer internal',
  'MetricAlarm dimensions',
  'ParameterGroup parameters',
  'Record allowOverwrite',
  'Repository forceDelete',
  'Secret recoveryWindowInDays',
  'SecurityGroup tags',
  'Eip tags',
  'Service waitForSteadyState',
  'TargetGroup deregistrationDelay',
  'TaskDefinition containerDefinitions.logConfiguration.options',
  'TaskDefinition skipDestroy',
];

/** A value of a resource: `Service loadBalancers.containerPort`. */
interface Value {
  resource: string;
  path: string;
  value: unknown;
}

/** Every value that AWS is given, lists one by one. */
function valuesOf({ type, inputs }: Recorded): Value[] {
  const resource = type.split(':').at(-1)!;
  const { containerDefinitions } = inputs;
  const whole = containerDefinitions ? { ...inputs, containerDefinitions: JSON.parse(String(containerDefinitions)) as unknown } : inputs;
  const below = (value: unknown, path: string): Value[] => {
    if (Array.isArray(value)) return value.flatMap((one) => below(one, path));
    if (value === null || typeof value !== 'object') return [{ resource, path, value }];
    return Object.entries(value).flatMap(([name, one]) => below(one, path ? `${path}.${name}` : name));
  };
  return below(whole, '');
}

const begins = (path: string, beginning: string): boolean => path === beginning || path.startsWith(`${beginning}.`);

/** AWS's name of a value. */
function rename(named: string): string {
  const [beginning, other] = Object.entries(RENAMED).find(([one]) => begins(named, one)) ?? [];
  return beginning ? other + named.slice(beginning.length) : named.replace(/^\w+ /, '');
}

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
  const held = new Set<string>();
  const unknown = new Set<string>();
  const wrong: string[] = [];

  beforeAll(async () => {
    const describe = await loadDescription();
    const resources = [...(await runProgram('dev')).resources, ...(await runProgram('production')).resources];
    const ours = resources.filter(({ type }) => type.startsWith('aws:') && !PARTS.includes(type));
    for (const recorded of ours) {
      for (const { resource, path, value } of valuesOf(recorded)) {
        const named = `${resource} ${path}`;
        const described = describe(RESOURCES[recorded.type] ?? recorded.type, rename(named));
        if (!described) unknown.add(named);
        else wrong.push(...compare(named, value, described, held));
      }
    }
  });

  test('knows everything that it is given, but for what is named here', () => {
    expect([...unknown].filter((named) => !NOT_DESCRIBED.some((one) => begins(named, one)))).toEqual([]);
    expect(NOT_DESCRIBED.filter((one) => ![...unknown].some((named) => begins(named, one)))).toEqual([]);
  });

  test('takes every value, where it says which it takes', () => {
    expect(wrong).toEqual([]);
  });

  test('says it of these', () => {
    expect([...held].sort()).toEqual(HELD);
  });
});

/** What is wrong with a value, by the words, the length, the characters and the range that AWS names. */
function compare(named: string, value: unknown, { words, longest, range, characters }: Described, held: Set<string>): string[] {
  if (words ?? longest ?? range ?? characters) held.add(named);
  const faults = [
    // A flag is one of two words to AWS.
    words && typeof value !== 'boolean' && !words.includes(value) && `is none of ${words.join(', ')}`,
    longest !== undefined && String(value).length > longest && `is longer than ${longest}`,
    characters?.test(String(value)) === false && `has other characters than ${characters.source}`,
    range && !(Number(value) >= range[0] && Number(value) <= range[1]) && `is not from ${range[0]} to ${range[1]}`,
  ];
  return faults.filter((fault) => typeof fault === 'string').map((fault) => `${named} ${String(value)} ${fault}`);
}

/** So that a description that reads otherwise one day does not take a check away unseen. */
const HELD = [
  'EventApiDestination httpMethod',
  'EventConnection authorizationType',
  'EventRule state',
  'Instance backupRetentionPeriod',
  'Instance engine',
  'Instance storageType',
  'Key deletionWindowInDays',
  'Listener defaultActions.redirect.port',
  'ListenerRule conditions.hostHeader.values',
  'ListenerRule conditions.httpRequestMethod.values',
  'ListenerRule conditions.pathPattern.values',
  'LoadBalancer ipAddressType',
  'LogGroup retentionInDays',
  'MetricAlarm treatMissingData',
  'Queue messageRetentionSeconds',
  'Record type',
  'Repository encryptionConfigurations.encryptionType',
  'Repository imageTagMutability',
  'SecurityGroup description',
  'SecurityGroupEgressRule description',
  'SecurityGroupIngressRule description',
  'Service availabilityZoneRebalancing',
  'Service launchType',
  'Service networkConfiguration.assignPublicIp',
  'Service propagateTags',
  'TargetGroup healthCheck.healthyThreshold',
  'TargetGroup healthCheck.interval',
  'TargetGroup healthCheck.unhealthyThreshold',
  'TaskDefinition containerDefinitions.image',
  'TaskDefinition containerDefinitions.linuxParameters.capabilities.drop',
  'TaskDefinition containerDefinitions.name',
  'TaskDefinition containerDefinitions.portMappings.protocol',
  'TaskDefinition family',
  'TaskDefinition networkMode',
  'TaskDefinition requiresCompatibilities',
  'TaskDefinition volumes.name',
];

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
