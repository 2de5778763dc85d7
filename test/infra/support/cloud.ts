import { createHash } from 'node:crypto';

const ACCOUNT = '123456789012';
const REGION = 'eu-north-1';
const PROJECT_NUMBER = '987654321';

export type Properties = Record<string, unknown>;

/** A provider's response to the creation of a resource: its inputs, and realistic values for what the cloud assigns. */
export function createResource(type: string, name: string, inputs: Properties): { id: string; state: Properties } {
  const physical = typeof inputs.name === 'string' ? inputs.name : `${name}-0123456`;
  const common = { name: physical, arn: arn(type, physical), ...inputs };
  const assigned = (ASSIGNED[type] ?? (() => ({})))(physical, inputs);
  return { id: physical, state: { ...common, ...assigned } };
}

/** A provider's response to a function call. */
export function callFunction(token: string): Properties {
  if (token === 'aws:index/getCallerIdentity:getCallerIdentity')
    return { accountId: ACCOUNT, arn: `arn:aws:iam::${ACCOUNT}:root`, userId: 'X' };
  throw new Error(`The test clouds do not implement ${token}.`);
}

function arn(type: string, name: string): string {
  const service = type.split(':')[1]!.split('/')[0]!;
  if (service === 'iam') return `arn:aws:iam::${ACCOUNT}:${type.includes('role:') ? 'role' : 'policy'}/${name}`;
  if (service === 'cloudwatch' && type.includes('eventRule')) return `arn:aws:events:${REGION}:${ACCOUNT}:rule/${name}`;
  return `arn:aws:${service}:${REGION}:${ACCOUNT}:${type.split(':').at(-1)}/${name}`;
}

const bytes = (name: string): Buffer => createHash('sha256').update(name).digest();
const list = (count: number, prefix: string): string[] => Array.from({ length: count }, (_, index) => `${prefix}-${index + 1}`);

/** The values that the cloud assigns, by resource type. */
const ASSIGNED: Record<string, (name: string, inputs: Properties) => Properties> = {
  'awsx:ec2:Vpc': (_, inputs) => {
    const zones = (inputs.availabilityZoneNames as string[]).length;
    const kinds = (inputs.subnetSpecs as { type: string }[]).map(({ type }) => type);
    const ids = (type: string): string[] => (kinds.includes(type) ? list(zones, `subnet-${type.toLowerCase()}`) : []);
    return {
      vpcId: 'vpc-1',
      routeTables: kinds.flatMap((kind) => list(zones, `rtb-${kind.toLowerCase()}`)).map((id) => ({ id })),
      publicSubnetIds: ids('Public'),
      privateSubnetIds: ids('Private'),
      isolatedSubnetIds: ids('Isolated'),
    };
  },
  'awsx:ecr:Image': (_, inputs) => ({ imageUri: `${String(inputs.repositoryUrl)}@sha256:${'e'.repeat(64)}` }),
  'docker-build:index:Image': (_, inputs) => ({ ref: `${(inputs.tags as string[])[0]}@sha256:${'e'.repeat(64)}` }),
  'aws:ec2/eip:Eip': (name) => ({ publicIp: `192.0.2.${name.at(-9)}`, allocationId: `eipalloc-${name}` }),
  'aws:ec2/securityGroup:SecurityGroup': () => ({}),
  'aws:ecr/repository:Repository': (name) => ({ repositoryUrl: `${ACCOUNT}.dkr.ecr.${REGION}.amazonaws.com/${name}` }),
  'aws:rds/instance:Instance': (name) => ({
    address: `${name}.abc.${REGION}.rds.amazonaws.com`,
    // Unlike every other resource's name, so that a mix-up fails a test.
    identifier: `${name}-database`,
    masterUserSecrets: [
      { secretArn: `arn:aws:secretsmanager:${REGION}:${ACCOUNT}:secret:rds!db-0-AbCdEf`, secretStatus: 'active', kmsKeyId: 'k' },
    ],
  }),
  'aws:s3/bucket:Bucket': (name) => ({ bucket: name, arn: `arn:aws:s3:::${name}` }),
  'aws:secretsmanager/secret:Secret': (name) => ({ arn: `arn:aws:secretsmanager:${REGION}:${ACCOUNT}:secret:${name}-AbCdEf` }),
  // Each definition is a revision of its own.
  'aws:ecs/taskDefinition:TaskDefinition': (_, inputs) => ({
    arn: `arn:aws:ecs:${REGION}:${ACCOUNT}:task-definition/${String(inputs.family)}:${bytes(JSON.stringify(inputs)).readUInt16BE()}`,
  }),
  // As in Secrets Manager, a different value is a different version.
  'aws:secretsmanager/secretVersion:SecretVersion': (_, inputs) => ({
    versionId: bytes(JSON.stringify(inputs)).toString('hex').slice(0, 32),
  }),
  'aws:acm/certificate:Certificate': (_, inputs) => ({
    domainValidationOptions: [
      {
        domainName: inputs.domainName,
        resourceRecordName: `_x.${String(inputs.domainName)}.`,
        resourceRecordType: 'CNAME',
        resourceRecordValue: '_y.acm-validations.aws.',
      },
    ],
  }),
  'aws:route53/record:Record': (_, inputs) => ({ fqdn: inputs.name }),
  'aws:lb/loadBalancer:LoadBalancer': (name) => ({
    arnSuffix: `app/${name}/50dc6c495c0c9188`,
    dnsName: `${name}.${REGION}.elb.amazonaws.com`,
    zoneId: 'Z23TAZ6LKFMNIO',
  }),
  'aws:lb/targetGroup:TargetGroup': (name) => ({ arnSuffix: `targetgroup/${name}/73e2d6bc24d8a067` }),
  'aws:kms/key:Key': (name) => ({ keyId: name }),
  'aws:sqs/queue:Queue': (name) => ({ url: `https://sqs.${REGION}.amazonaws.com/${ACCOUNT}/${name}` }),
  'random:index/randomBytes:RandomBytes': (name) => ({ base64: bytes(name).toString('base64'), hex: bytes(name).toString('hex') }),
  'random:index/randomPassword:RandomPassword': (name) => ({ result: bytes(name).toString('hex').slice(0, 40) }),
  // Different keepers generate a different ID.
  'random:index/randomId:RandomId': (name, inputs) => ({
    hex: bytes(name + JSON.stringify(inputs.keepers ?? null))
      .subarray(0, inputs.byteLength as number)
      .toString('hex'),
  }),
  'gcp:serviceaccount/account:Account': (_, inputs) => {
    const email = `${String(inputs.accountId)}@${String(inputs.project)}.iam.gserviceaccount.com`;
    return { email, name: `projects/${String(inputs.project)}/serviceAccounts/${email}`, member: `serviceAccount:${email}` };
  },
  'gcp:iam/workloadIdentityPool:WorkloadIdentityPool': (_, inputs) => ({
    name: `projects/${PROJECT_NUMBER}/locations/global/workloadIdentityPools/${String(inputs.workloadIdentityPoolId)}`,
  }),
  'gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider': (_, inputs) => ({
    name: `projects/${PROJECT_NUMBER}/locations/global/workloadIdentityPools/${String(inputs.workloadIdentityPoolId)}/providers/${String(inputs.workloadIdentityPoolProviderId)}`,
  }),
};
