import { beforeAll, describe, expect, test } from '@jest/globals';
import { loadSpecification, type Specification } from '../support/aws-specification.ts';
import { type Recorded, runProgram } from '../support/run-program.ts';

/** CloudFormation's name of each Pulumi resource type, under which AWS's specification describes it. */
const RESOURCES: Record<string, string> = {
  'aws:acm/certificate:Certificate': 'AWS::CertificateManager::Certificate',
  'aws:cloudwatch/dashboard:Dashboard': 'AWS::CloudWatch::Dashboard',
  'aws:cloudwatch/eventApiDestination:EventApiDestination': 'AWS::Events::ApiDestination',
  'aws:cloudwatch/eventConnection:EventConnection': 'AWS::Events::Connection',
  'aws:cloudwatch/eventRule:EventRule': 'AWS::Events::Rule',
  'aws:cloudwatch/eventTarget:EventTarget': 'AWS::Events::Rule',
  'aws:cloudwatch/logGroup:LogGroup': 'AWS::Logs::LogGroup',
  'aws:cloudwatch/logMetricFilter:LogMetricFilter': 'AWS::Logs::MetricFilter',
  'aws:cloudwatch/metricAlarm:MetricAlarm': 'AWS::CloudWatch::Alarm',
  'aws:ec2/eip:Eip': 'AWS::EC2::EIP',
  'aws:ec2/flowLog:FlowLog': 'AWS::EC2::FlowLog',
  'aws:ec2/securityGroup:SecurityGroup': 'AWS::EC2::SecurityGroup',
  'aws:ec2/vpcEndpoint:VpcEndpoint': 'AWS::EC2::VPCEndpoint',
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
  'aws:rds/eventSubscription:EventSubscription': 'AWS::RDS::EventSubscription',
  'aws:rds/instance:Instance': 'AWS::RDS::DBInstance',
  'aws:rds/parameterGroup:ParameterGroup': 'AWS::RDS::DBParameterGroup',
  'aws:rds/subnetGroup:SubnetGroup': 'AWS::RDS::DBSubnetGroup',
  'aws:route53/record:Record': 'AWS::Route53::RecordSet',
  'aws:s3/bucket:Bucket': 'AWS::S3::Bucket',
  'aws:s3/bucketPolicy:BucketPolicy': 'AWS::S3::BucketPolicy',
  'aws:secretsmanager/secret:Secret': 'AWS::SecretsManager::Secret',
  'aws:sns/topic:Topic': 'AWS::SNS::Topic',
  'aws:sns/topicPolicy:TopicPolicy': 'AWS::SNS::TopicPolicy',
  'aws:sns/topicSubscription:TopicSubscription': 'AWS::SNS::Subscription',
  'aws:sqs/queue:Queue': 'AWS::SQS::Queue',
  'aws:sqs/queuePolicy:QueuePolicy': 'AWS::SQS::QueuePolicy',
  'aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule': 'AWS::EC2::SecurityGroupEgress',
  'aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule': 'AWS::EC2::SecurityGroupIngress',
  'aws:wafv2/webAcl:WebAcl': 'AWS::WAFv2::WebACL',
  'aws:wafv2/webAclAssociation:WebAclAssociation': 'AWS::WAFv2::WebACLAssociation',
};

/** Resources that exist only in Pulumi. Other tests cover them. */
const PULUMI_ONLY = [
  'aws:acm/certificateValidation:CertificateValidation',
  'aws:ec2/defaultSecurityGroup:DefaultSecurityGroup',
  'aws:ecr/lifecyclePolicy:LifecyclePolicy',
  'aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration',
  'aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock',
  'aws:secretsmanager/secretVersion:SecretVersion',
];

/** Property paths whose names differ between Pulumi and AWS. A prefix applies to all paths below it. */
const RENAMED: Record<string, string> = {
  'Alias name': 'AliasName',
  'BucketPolicy policy': 'PolicyDocument',
  'Cluster settings': 'ClusterSettings',
  'EventConnection authParameters.apiKey.key': 'AuthParameters.ApiKeyAuthParameters.ApiKeyName',
  'EventConnection authParameters.apiKey.value': 'AuthParameters.ApiKeyAuthParameters.ApiKeyValue',
  'EventSubscription snsTopic': 'SnsTopicArn',
  'EventTarget arn': 'Targets.Arn',
  'EventTarget deadLetterConfig': 'Targets.DeadLetterConfig',
  'EventTarget input': 'Targets.Input',
  'EventTarget inputTransformer.inputTemplate': 'Targets.InputTransformer.InputTemplate',
  'EventTarget retryPolicy': 'Targets.RetryPolicy',
  'EventTarget roleArn': 'Targets.RoleArn',
  'EventTarget rule': 'Name',
  'FlowLog vpcId': 'ResourceId',
  'Instance caCertIdentifier': 'CACertificateIdentifier',
  'Instance enabledCloudwatchLogsExports': 'EnableCloudwatchLogsExports',
  'Instance instanceClass': 'DBInstanceClass',
  'Instance masterUserSecretKmsKeyId': 'MasterUserSecret.KmsKeyId',
  'Instance performanceInsightsEnabled': 'EnablePerformanceInsights',
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
  'TopicPolicy arn': 'Topics',
  'TopicPolicy policy': 'PolicyDocument',
  'TopicSubscription topic': 'TopicArn',
};

/** Properties that exist only in Pulumi, or that AWS takes as free-form names and values. Other tests check them exactly. */
const UNSPECIFIED = [
  'Bucket forceDestroy',
  'EventTarget inputTransformer.inputPaths',
  'Instance finalSnapshotIdentifier',
  'Instance skipFinalSnapshot',
  'LoadBalancer accessLogs',
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

/** One value of a resource, for example `Service loadBalancers.containerPort`. */
interface Value {
  resource: string;
  path: string;
  value: unknown;
}

/** Every value of a resource, with lists flattened. */
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

const isBelow = (path: string, prefix: string): boolean => path === prefix || path.startsWith(`${prefix}.`);

/** AWS's path of a value that Pulumi calls `Service loadBalancers.containerPort`. */
function awsPath(name: string): string {
  const [prefix, replacement] = Object.entries(RENAMED).find(([one]) => isBelow(name, one)) ?? [];
  return prefix ? replacement + name.slice(prefix.length) : name.replace(/^\w+ /, '');
}

/** The maximum length of a name, including the 8 characters that Pulumi appends. */
const MAX_NAME_LENGTH: Record<string, number> = {
  'aws:lb/loadBalancer:LoadBalancer': 32,
  'aws:lb/targetGroup:TargetGroup': 32,
  // Less than IAM's 64, because Google's subject contains it.
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

describe("AWS's specification of its resources", () => {
  const checked = new Set<string>();
  const unknown = new Set<string>();
  const faults: string[] = [];

  beforeAll(async () => {
    const specify = await loadSpecification();
    const resources = [...(await runProgram('dev')).resources, ...(await runProgram('production')).resources];
    const ours = resources.filter(({ type }) => type.startsWith('aws:') && !PULUMI_ONLY.includes(type));
    for (const recorded of ours) {
      for (const { resource, path, value } of valuesOf(recorded)) {
        const name = `${resource} ${path}`;
        const specification = specify(RESOURCES[recorded.type] ?? recorded.type, awsPath(name));
        if (!specification) unknown.add(name);
        else faults.push(...compare(name, value, specification, checked));
      }
    }
  });

  test('knows every property that the program sets, except the listed ones', () => {
    expect([...unknown].filter((name) => !UNSPECIFIED.some((one) => isBelow(name, one)))).toEqual([]);
    expect(UNSPECIFIED.filter((one) => ![...unknown].some((name) => isBelow(name, one)))).toEqual([]);
  });

  test('allows every value that it restricts', () => {
    expect(faults).toEqual([]);
  });

  test('restricts exactly the listed values', () => {
    expect([...checked].sort()).toEqual(CHECKED);
  });
});

/** Compares a value with AWS's restrictions. @returns what it violates */
function compare(name: string, value: unknown, specification: Specification, checked: Set<string>): string[] {
  const { allowedValues, maxLength, range, characters } = specification;
  if (allowedValues ?? maxLength ?? range ?? characters) checked.add(name);
  const faults = [
    // AWS specifies some booleans as two words.
    allowedValues &&
      typeof value !== 'boolean' &&
      !allowedValues.map(String).includes(String(value)) &&
      `is not one of ${allowedValues.join(', ')}`,
    maxLength !== undefined && String(value).length > maxLength && `is longer than ${maxLength}`,
    characters?.test(String(value)) === false && `has characters other than ${characters.source}`,
    range && !(Number(value) >= range[0] && Number(value) <= range[1]) && `is not between ${range[0]} and ${range[1]}`,
  ];
  return faults.filter((fault) => typeof fault === 'string').map((fault) => `${name} ${String(value)} ${fault}`);
}

/** Listed so that no check disappears unnoticed when AWS rewords its documentation. */
const CHECKED = [
  'EventApiDestination httpMethod',
  'EventConnection authorizationType',
  'EventRule state',
  'EventSubscription sourceType',
  'FlowLog logDestinationType',
  'FlowLog trafficType',
  'Instance backupRetentionPeriod',
  'Instance engine',
  'Instance performanceInsightsRetentionPeriod',
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
  'VpcEndpoint vpcEndpointType',
  'WebAcl rules.statement.rateBasedStatement.aggregateKeyType',
  'WebAcl rules.statement.rateBasedStatement.evaluationWindowSec',
  'WebAcl scope',
];

test("the names of a stack with the longest possible name are within AWS's and Google's limits", async () => {
  const run = await runProgram('production');
  const longestName = 'a'.repeat(12);
  const length = (name: string): number => name.replace('production', longestName).length + SUFFIX;
  const tooLong = run.resources
    .filter(({ type, name }) => length(name) > (MAX_NAME_LENGTH[type] ?? Number.POSITIVE_INFINITY))
    .map(({ name }) => name);
  expect(tooLong).toEqual([]);
  expect(run.resources.filter(({ type }) => type in MAX_NAME_LENGTH).length).toBeGreaterThan(15);
  const account = String(run.one('gcp:serviceaccount/account:Account').inputs.accountId).replace('production', longestName);
  expect(account.length).toBeLessThanOrEqual(30);
  const pool = String(run.one('gcp:iam/workloadIdentityPool:WorkloadIdentityPool').inputs.workloadIdentityPoolId).replace(
    'production',
    longestName,
  );
  expect(pool.length).toBeLessThanOrEqual(32);
});
