import * as aws from '@pulumi/aws';
import * as awsx from '@pulumi/awsx';
import * as pulumi from '@pulumi/pulumi';
import type { Settings } from '../config.ts';
import { APP_PORT, DATABASE_PORT } from './ports.ts';

/** The network and its allowed traffic: internet → load balancer → app → database, and app → internet over HTTPS. */
export class Network extends pulumi.ComponentResource {
  readonly vpcId: pulumi.Output<string>;
  readonly publicSubnetIds: pulumi.Output<string[]>;
  readonly isolatedSubnetIds: pulumi.Output<string[]>;
  /** where tasks run: private subnets with a NAT gateway, otherwise public subnets with a public address for each task */
  readonly taskSubnetIds: pulumi.Output<string[]>;
  readonly tasksHavePublicAddresses: boolean;
  /** the source addresses of calls to Salesforce and Google; empty without a NAT gateway, when they change with each task */
  readonly egressAddresses: pulumi.Output<string>[];
  /** undefined: there is no load balancer, and nothing may call the app */
  readonly loadBalancerGroup: aws.ec2.SecurityGroup | undefined;
  readonly appGroup: aws.ec2.SecurityGroup;
  readonly databaseGroup: aws.ec2.SecurityGroup;
  /** routes and security group rules: a task that starts before they exist can reach nothing and fails */
  readonly connectivity: pulumi.Resource[];

  constructor(settings: Settings, options?: pulumi.ComponentResourceOptions) {
    super('sync:infra:Network', settings.name, {}, options);
    const addresses = createAddresses(this, settings);
    const vpc = createVpc(this, settings, addresses);
    this.vpcId = vpc.vpcId;
    this.publicSubnetIds = vpc.publicSubnetIds;
    this.isolatedSubnetIds = vpc.isolatedSubnetIds;
    this.tasksHavePublicAddresses = settings.network.natGateways === 'None';
    this.taskSubnetIds = this.tasksHavePublicAddresses ? vpc.publicSubnetIds : vpc.privateSubnetIds;
    this.egressAddresses = addresses.map((address) => address.publicIp);
    const group = (part: string, description: string) =>
      new aws.ec2.SecurityGroup(
        `${settings.name}-${part}`,
        { vpcId: vpc.vpcId, description, tags: { Name: `${settings.name}-${part}` } },
        { parent: this },
      );
    this.loadBalancerGroup = settings.ingress && group('load-balancer', 'The load balancer: HTTPS from anywhere');
    this.appGroup = group('app', 'The service: called only by the load balancer');
    this.databaseGroup = group('database', 'The job store: called only by the service');
    emptyDefaultGroup(this, settings.name, vpc);
    createS3Endpoint(this, settings, vpc);
    this.connectivity = [vpc, ...createRules(this, settings.name)];
    this.registerOutputs({ vpcId: this.vpcId, egressAddresses: this.egressAddresses });
  }
}

/** Addresses for the NAT gateways that survive a gateway's replacement: Salesforce and others may have allowlisted them. */
function createAddresses(parent: pulumi.Resource, { name, network, protect }: Settings): aws.ec2.Eip[] {
  const count = { None: 0, Single: 1, OnePerAz: network.zones.length }[network.natGateways];
  return Array.from(
    { length: count },
    (_, index) =>
      new aws.ec2.Eip(`${name}-egress-${index + 1}`, { domain: 'vpc', tags: { Name: `${name}-egress-${index + 1}` } }, { parent, protect }),
  );
}

/** Overrides every default of awsx: it would create three NAT gateways, and its subnet layout has changed between releases. */
function createVpc(parent: pulumi.Resource, { name, network, protect }: Settings, addresses: aws.ec2.Eip[]): awsx.ec2.Vpc {
  const { cidr, natGateways, zones } = network;
  const block = (first: number) => zones.map((_, index) => cidr.replace(/\.0\.0\/16$/, `.${first + index}.0/24`));
  const privateSubnets: awsx.types.input.ec2.SubnetSpecArgs[] =
    natGateways === 'None' ? [] : [{ type: 'Private', name: 'private', cidrBlocks: block(16) }];
  return new awsx.ec2.Vpc(
    name,
    {
      cidrBlock: cidr,
      availabilityZoneNames: zones,
      enableDnsHostnames: true,
      enableDnsSupport: true,
      natGateways:
        natGateways === 'None'
          ? { strategy: 'None' }
          : { strategy: natGateways, elasticIpAllocationIds: addresses.map((address) => address.allocationId) },
      subnetStrategy: 'Auto',
      subnetSpecs: [
        { type: 'Public', name: 'public', cidrBlocks: block(0) },
        ...privateSubnets,
        { type: 'Isolated', name: 'isolated', cidrBlocks: block(32) },
      ],
    },
    // Its subnets, gateways and routes inherit the protection: a change of the range or of the zones' order would replace them all.
    { parent, protect },
  );
}

/** AWS gives every network a group that allows all traffic among its members, and puts into it whatever names no group. */
function emptyDefaultGroup(parent: pulumi.Resource, name: string, { vpcId }: awsx.ec2.Vpc): void {
  new aws.ec2.DefaultSecurityGroup(name, { vpcId }, { parent });
}

/** Images come from S3: without it, through the NAT gateways, which bill every byte. It costs nothing. */
function createS3Endpoint(parent: pulumi.Resource, { name, region }: Settings, vpc: awsx.ec2.Vpc): void {
  const routeTableIds = vpc.routeTables.apply((tables) => pulumi.all(tables.map(({ id }) => id)));
  new aws.ec2.VpcEndpoint(
    `${name}-s3`,
    { vpcId: vpc.vpcId, serviceName: `com.amazonaws.${region}.s3`, vpcEndpointType: 'Gateway', routeTableIds },
    { parent },
  );
}

/** Every rule is a separate resource: inline rules and separate ones overwrite each other. Pulumi removes AWS's default egress rule. */
function createRules(network: Network, name: string): pulumi.Resource[] {
  const { loadBalancerGroup, appGroup, databaseGroup } = network;
  const tcp = (port: number) => ({ ipProtocol: 'tcp', fromPort: port, toPort: port });
  const ingress = (part: string, args: aws.vpc.SecurityGroupIngressRuleArgs) =>
    new aws.vpc.SecurityGroupIngressRule(`${name}-${part}`, args, { parent: network });
  const egress = (part: string, args: aws.vpc.SecurityGroupEgressRuleArgs) =>
    new aws.vpc.SecurityGroupEgressRule(`${name}-${part}`, args, { parent: network });
  const anywhere = '0.0.0.0/0';
  return [
    ...(loadBalancerGroup
      ? [
          ingress('internet-to-https', { securityGroupId: loadBalancerGroup.id, cidrIpv4: anywhere, ...tcp(443) }),
          ingress('internet-to-http', { securityGroupId: loadBalancerGroup.id, cidrIpv4: anywhere, ...tcp(80), description: 'redirected' }),
          egress('load-balancer-to-app', {
            securityGroupId: loadBalancerGroup.id,
            referencedSecurityGroupId: appGroup.id,
            ...tcp(APP_PORT),
          }),
          ingress('app-from-load-balancer', {
            securityGroupId: appGroup.id,
            referencedSecurityGroupId: loadBalancerGroup.id,
            ...tcp(APP_PORT),
          }),
        ]
      : []),
    egress('app-to-internet', { securityGroupId: appGroup.id, cidrIpv4: anywhere, ...tcp(443), description: 'Salesforce, Google, AWS' }),
    egress('app-to-database', { securityGroupId: appGroup.id, referencedSecurityGroupId: databaseGroup.id, ...tcp(DATABASE_PORT) }),
    ingress('database-from-app', { securityGroupId: databaseGroup.id, referencedSecurityGroupId: appGroup.id, ...tcp(DATABASE_PORT) }),
  ];
}
