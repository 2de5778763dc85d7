import packageJson from '../../../package.json' with { type: 'json' };
import type { Properties } from '../support/cloud.ts';
import { create, get, insecure, type Message, messagesOf, properties, servicesOf, toStruct } from '../support/messages.ts';

const messages = messagesOf('resource');
const { ResourceMonitorClient } = servicesOf<typeof import('@pulumi/pulumi/proto/resource_grpc_pb.js')>('resource');

interface Created {
  urn: string;
  /** in a preview, Pulumi's mark of an unknown value */
  id: string;
  state: Properties;
}

/** Registers a child of the component. */
type Child = (type: string, name: string, inputs: Properties) => Promise<Created>;

const UNKNOWN = '04da6b54-80e4-46f7-96ec-b56ff0331ba9';

/** What the children of awsx's components belong to. */
const VERSIONS: Record<string, string> = { aws: packageJson.devDependencies['@pulumi/aws'], 'docker-build': '0.0.14' };

/** The components of awsx that the program uses, with the children that awsx 3.9 creates. */
const COMPONENTS: Record<string, (name: string, inputs: Properties, child: Child) => Promise<Properties>> = {
  'awsx:ec2:Vpc': createNetwork,
  'awsx:ecr:Image': async (name, inputs, child) => {
    const { repositoryUrl, context, platform } = inputs;
    const build = { tags: [`${String(repositoryUrl)}:latest`], context: { location: context }, platforms: [platform], push: true };
    const { state } = await child('docker-build:index:Image', name, build);
    return { imageUri: state.ref ?? UNKNOWN };
  },
};

/** Registers a component and its children with the engine, as the plugin of awsx does. */
export async function construct(request: Message): Promise<Message> {
  const client = new ResourceMonitorClient(get(request, 'Monitorendpoint'), insecure());
  const register = (type: string, name: string, parent: string, inputs: Properties, custom: boolean): Promise<Created> => {
    const registration = create(messages, 'RegisterResourceRequest', {
      Type: type,
      Name: name,
      Parent: parent,
      Custom: custom,
      Object: toStruct(inputs),
      Version: custom ? VERSIONS[type.split(':')[0]!] : undefined,
      Protect: get(request, 'Protect'),
      Retainondelete: get(request, 'Retainondelete'),
    });
    return new Promise((done, fail) => {
      client.registerResource(registration as never, (error, response) => {
        if (error) return fail(error);
        const message = response as unknown as Message;
        done({ urn: get(message, 'Urn'), id: get<string>(message, 'Id') || UNKNOWN, state: properties(message, 'Object') });
      });
    });
  };
  const [type, name] = [get<string>(request, 'Type'), get<string>(request, 'Name')];
  try {
    const { urn } = await register(type, name, get(request, 'Parent'), {}, false);
    const child: Child = (childType, childName, inputs) => register(childType, childName, urn, inputs, true);
    const outputs = await COMPONENTS[type]!(name, properties(request, 'Inputs'), child);
    return create(messagesOf('provider'), 'ConstructResponse', { Urn: urn, State: toStruct(outputs) });
  } finally {
    client.close();
  }
}

interface SubnetSpec {
  type: 'Public' | 'Private' | 'Isolated';
  name: string;
  cidrBlocks: string[];
}

async function createNetwork(name: string, inputs: Properties, child: Child): Promise<Properties> {
  const zones = inputs.availabilityZoneNames as string[];
  const { strategy, elasticIpAllocationIds = [] } = inputs.natGateways as { strategy: string; elasticIpAllocationIds?: string[] };
  const { id: vpcId } = await child('aws:ec2/vpc:Vpc', name, { cidrBlock: inputs.cidrBlock, enableDnsSupport: true });
  const { id: gatewayId } = await child('aws:ec2/internetGateway:InternetGateway', name, { vpcId });
  const subnets: Record<SubnetSpec['type'], string[]> = { Public: [], Private: [], Isolated: [] };
  const routeTables: { id: string }[] = [];
  const natGateways: string[] = [];
  for (const [index, availabilityZone] of zones.entries()) {
    // Public subnets come first: they contain the gateways that the private ones use.
    for (const spec of inputs.subnetSpecs as SubnetSpec[]) {
      const part = `${name}-${spec.name}-${index + 1}`;
      const subnet = { vpcId, availabilityZone, cidrBlock: spec.cidrBlocks[index] };
      const { id: subnetId } = await child('aws:ec2/subnet:Subnet', part, subnet);
      const { id: routeTableId } = await child('aws:ec2/routeTable:RouteTable', part, { vpcId });
      await child('aws:ec2/routeTableAssociation:RouteTableAssociation', part, { subnetId, routeTableId });
      const route = { routeTableId, destinationCidrBlock: '0.0.0.0/0' };
      if (spec.type === 'Public') {
        await child('aws:ec2/route:Route', part, { ...route, gatewayId });
        if (index < { None: 0, Single: 1, OnePerAz: zones.length }[strategy]!) {
          const gateway = { subnetId, allocationId: elasticIpAllocationIds[index] };
          natGateways.push((await child('aws:ec2/natGateway:NatGateway', `${name}-${index + 1}`, gateway)).id);
        }
      }
      if (spec.type === 'Private') {
        await child('aws:ec2/route:Route', part, { ...route, natGatewayId: natGateways[index] ?? natGateways[0] });
      }
      subnets[spec.type].push(subnetId);
      routeTables.push({ id: routeTableId });
    }
  }
  return {
    vpcId,
    routeTables,
    publicSubnetIds: subnets.Public,
    privateSubnetIds: subnets.Private,
    isolatedSubnetIds: subnets.Isolated,
  };
}
