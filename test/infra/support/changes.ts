import type { Registration } from './engine.ts';
import { reveal } from './secret-mark.ts';

/** What an update would do, each resource once, as `Type name` without the stack's prefix. */
export interface Changes {
  creates: string[];
  updates: string[];
  replaces: string[];
  deletes: string[];
  /** what Pulumi refuses to replace or delete, because it is protected */
  refuses: string[];
}

/**
 * The properties whose change replaces a resource, and those of which it only updates it, by type: what the providers' schemas call
 * `willReplaceOnChanges`. A changed property in neither list fails the test that meets it.
 */
const PROPERTIES: Record<string, { replace: string[]; update: string[] }> = {
  'aws:acm/certificate:Certificate': { replace: ['domainName'], update: [] },
  'aws:acm/certificateValidation:CertificateValidation': { replace: ['certificateArn'], update: ['validationRecordFqdns'] },
  'aws:appautoscaling/target:Target': { replace: ['resourceId'], update: ['minCapacity', 'maxCapacity'] },
  'aws:cloudwatch/eventApiDestination:EventApiDestination': { replace: [], update: ['invocationEndpoint'] },
  'aws:cloudwatch/eventConnection:EventConnection': { replace: [], update: ['authParameters'] },
  'aws:cloudwatch/eventRule:EventRule': { replace: [], update: ['eventPattern', 'scheduleExpression', 'state'] },
  'aws:cloudwatch/eventTarget:EventTarget': { replace: ['rule'], update: ['arn', 'roleArn'] },
  'aws:cloudwatch/logGroup:LogGroup': { replace: [], update: ['kmsKeyId'] },
  'aws:cloudwatch/metricAlarm:MetricAlarm': { replace: [], update: ['period', 'threshold', 'dimensions'] },
  'aws:ec2/defaultSecurityGroup:DefaultSecurityGroup': { replace: ['vpcId'], update: [] },
  'aws:ec2/flowLog:FlowLog': { replace: ['vpcId'], update: [] },
  'aws:ec2/internetGateway:InternetGateway': { replace: [], update: ['vpcId'] },
  'aws:ec2/natGateway:NatGateway': { replace: ['allocationId', 'subnetId'], update: [] },
  'aws:ec2/route:Route': { replace: ['routeTableId'], update: ['gatewayId', 'natGatewayId'] },
  'aws:ec2/routeTable:RouteTable': { replace: ['vpcId'], update: [] },
  'aws:ec2/routeTableAssociation:RouteTableAssociation': { replace: ['subnetId'], update: ['routeTableId'] },
  'aws:ec2/securityGroup:SecurityGroup': { replace: ['vpcId'], update: [] },
  'aws:ec2/subnet:Subnet': { replace: ['availabilityZone', 'cidrBlock', 'vpcId'], update: [] },
  'aws:ec2/vpc:Vpc': { replace: ['cidrBlock'], update: [] },
  'aws:ec2/vpcEndpoint:VpcEndpoint': { replace: ['serviceName', 'vpcId'], update: ['routeTableIds'] },
  'aws:ecr/repository:Repository': { replace: [], update: ['forceDelete'] },
  'aws:ecs/service:Service': { replace: ['cluster'], update: ['taskDefinition', 'desiredCount', 'networkConfiguration', 'loadBalancers'] },
  'aws:ecs/taskDefinition:TaskDefinition': { replace: ['containerDefinitions'], update: [] },
  'aws:iam/role:Role': { replace: [], update: ['assumeRolePolicy'] },
  'aws:iam/rolePolicy:RolePolicy': { replace: ['role'], update: ['policy'] },
  'aws:lb/listener:Listener': { replace: ['loadBalancerArn'], update: ['certificateArn'] },
  'aws:lb/listenerRule:ListenerRule': { replace: ['listenerArn'], update: ['conditions', 'actions'] },
  'aws:lb/loadBalancer:LoadBalancer': { replace: [], update: ['enableDeletionProtection', 'securityGroups', 'subnets'] },
  'aws:lb/targetGroup:TargetGroup': { replace: ['vpcId'], update: [] },
  'aws:rds/eventSubscription:EventSubscription': { replace: [], update: ['sourceIds'] },
  'aws:rds/instance:Instance': {
    replace: ['kmsKeyId', 'snapshotIdentifier'],
    update: [
      'performanceInsightsKmsKeyId',
      'instanceClass',
      'masterUserSecretKmsKeyId',
      'finalSnapshotIdentifier',
      'deletionProtection',
      'applyImmediately',
      'vpcSecurityGroupIds',
      'dbSubnetGroupName',
    ],
  },
  'aws:rds/subnetGroup:SubnetGroup': { replace: [], update: ['subnetIds'] },
  'aws:route53/record:Record': { replace: ['name', 'zoneId', 'type'], update: ['aliases', 'records'] },
  'aws:s3/bucket:Bucket': { replace: [], update: ['forceDestroy'] },
  'aws:secretsmanager/secret:Secret': { replace: [], update: ['kmsKeyId', 'recoveryWindowInDays'] },
  'aws:secretsmanager/secretVersion:SecretVersion': { replace: ['secretString'], update: [] },
  'aws:sns/topic:Topic': { replace: [], update: ['kmsMasterKeyId'] },
  'aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule': { replace: ['securityGroupId'], update: ['referencedSecurityGroupId'] },
  'aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule': { replace: ['securityGroupId'], update: ['referencedSecurityGroupId'] },
  'aws:wafv2/webAclAssociation:WebAclAssociation': { replace: ['resourceArn', 'webAclArn'], update: [] },
  'gcp:bigquery/dataset:Dataset': { replace: ['location', 'datasetId'], update: ['accesses', 'deleteContentsOnDestroy', 'deletionPolicy'] },
  'random:index/randomId:RandomId': { replace: ['keepers'], update: [] },
};

interface Run {
  registrations: Registration[];
}

/** Compares two runs of the program, as Pulumi's engine does before an update. */
export function changesBetween(before: Run, after: Run): Changes {
  const changes: Changes = { creates: [], updates: [], replaces: [], deletes: [], refuses: [] };
  const [old, now] = [resourcesOf(before), resourcesOf(after)];
  for (const [urn, resource] of now) {
    const previous = old.get(urn);
    if (!previous) changes.creates.push(nameOf(resource));
    else if (isReplaced(previous, resource)) (resource.protect ? changes.refuses : changes.replaces).push(nameOf(resource));
    else if (changedProperties(previous, resource).length > 0) changes.updates.push(nameOf(resource));
  }
  // A resource that the program no longer creates keeps the protection of its last update.
  for (const [urn, resource] of old) {
    if (!now.has(urn)) (resource.protect ? changes.refuses : changes.deletes).push(nameOf(resource));
  }
  return Object.fromEntries(Object.entries(changes).map(([what, list]) => [what, (list as string[]).sort()])) as unknown as Changes;
}

function resourcesOf({ registrations }: Run): Map<string, Registration> {
  const cloud = registrations.filter(({ type, remote }) => remote || !/^(pulumi:pulumi|sync:infra):/.test(type));
  return new Map(cloud.map((resource) => [resource.urn, resource]));
}

/** `Type name`, without the stack's prefix. */
export const nameOf = ({ type, name }: Pick<Registration, 'type' | 'name'>): string =>
  `${type.split(':').at(-1)} ${name.replace(/^sync-[a-z]+-?/, '')}`.trim();

/** Those whose changes Pulumi does not ignore. */
function changedProperties(before: Registration, after: Registration): string[] {
  const [old, now] = [before.inputs, after.inputs];
  const names = [...new Set([...Object.keys(old), ...Object.keys(now)])].filter((name) => !after.ignoreChanges.includes(name));
  return names.filter((name) => JSON.stringify(reveal(old[name])) !== JSON.stringify(reveal(now[name])));
}

function isReplaced(before: Registration, after: Registration): boolean {
  if (after.type === 'awsx:ec2:Vpc') return replacesNetwork(before, after);
  return replacing(after.type, changedProperties(before, after)).length > 0;
}

/** Those of the changed properties that replace a resource. @throws Error if it is not listed whether one does */
export function replacing(type: string, changed: string[]): string[] {
  const { replace, update } = PROPERTIES[type] ?? { replace: [], update: [] };
  const unknown = changed.filter((name) => ![...replace, ...update].includes(name));
  if (unknown.length > 0) throw new Error(`Whether a change of ${unknown.join(', ')} replaces a ${type} is not listed.`);
  return changed.filter((name) => replace.includes(name));
}

/** The plugin names subnets by their position: another range, or another zone at the same position, replaces what is there. */
function replacesNetwork({ inputs: old }: Registration, { inputs: now }: Registration): boolean {
  const zones = now.availabilityZoneNames as string[];
  return old.cidrBlock !== now.cidrBlock || (old.availabilityZoneNames as string[]).some((zone, position) => zones[position] !== zone);
}
