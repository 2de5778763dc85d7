import { beforeAll, describe, expect, test } from '@jest/globals';
import { type ProgramRun, runProgram } from '../support/run-program.ts';
import type { StackName } from '../support/stack-config.ts';

const INGRESS = 'aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule';
const EGRESS = 'aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule';

describe.each<StackName>(['dev', 'production'])('the network of %s', (stack) => {
  let run: ProgramRun;
  beforeAll(async () => {
    run = await runProgram(stack);
  });

  /** The rules of one direction, as `from → to:port`. */
  function rulesOf(type: string): string[] {
    const show = (group: unknown): string => String(group).replace(`sync-${stack}-`, '').replace('-0123456', '');
    return run
      .all(type)
      .map(({ inputs }) => {
        const other = inputs.cidrIpv4 ?? show(inputs.referencedSecurityGroupId);
        const own = show(inputs.securityGroupId);
        const [from, to] = type === INGRESS ? [other, own] : [own, other];
        expect(inputs.fromPort).toBe(inputs.toPort);
        return `${String(from)} → ${String(to)}:${String(inputs.toPort)}`;
      })
      .sort();
  }

  test('exposes only the load balancer to the internet, over HTTPS and HTTP, and every other part only to its caller', () => {
    expect(rulesOf(INGRESS)).toEqual([
      '0.0.0.0/0 → load-balancer:443',
      '0.0.0.0/0 → load-balancer:80',
      'app → database:5432',
      'load-balancer → app:4444',
    ]);
  });

  test('allows outbound traffic from the app to HTTPS and its database, from the load balancer to the app, and none from the database', () => {
    expect(rulesOf(EGRESS)).toEqual(['app → 0.0.0.0/0:443', 'app → database:5432', 'load-balancer → app:4444']);
  });

  test('has no inline rules, which would overwrite the separate ones', () => {
    const groups = run.all('aws:ec2/securityGroup:SecurityGroup');
    expect(groups).toHaveLength(3);
    for (const { inputs } of groups) {
      expect(inputs).not.toHaveProperty('ingress');
      expect(inputs).not.toHaveProperty('egress');
    }
  });

  test('assigns every subnet its own range inside the network', () => {
    const { inputs } = run.one('awsx:ec2:Vpc');
    const blocks = (inputs.subnetSpecs as { cidrBlocks: string[] }[]).flatMap(({ cidrBlocks }) => cidrBlocks);
    expect(new Set(blocks).size).toBe(blocks.length);
    expect(blocks.every((block) => /^10\.64\.\d+\.0\/24$/.test(block))).toBe(true);
    expect(inputs).toMatchObject({ cidrBlock: '10.64.0.0/16', subnetStrategy: 'Auto', enableDnsHostnames: true, enableDnsSupport: true });
  });
});

test('dev has no NAT gateway: its tasks have public addresses that change', async () => {
  const run = await runProgram('dev');
  expect(run.one('awsx:ec2:Vpc').inputs.natGateways).toEqual({ strategy: 'None' });
  expect(run.all('aws:ec2/eip:Eip')).toEqual([]);
  expect(run.one('aws:ecs/service:Service').inputs.networkConfiguration).toMatchObject({
    assignPublicIp: true,
    subnets: ['subnet-public-1', 'subnet-public-2'],
  });
  expect(run.outputs.egressAddresses).toEqual([]);
});

test("production's tasks have no public addresses, and their fixed outbound addresses, one per zone, are outputs", async () => {
  const run = await runProgram('production');
  const { natGateways } = run.one('awsx:ec2:Vpc').inputs as { natGateways: { strategy: string; elasticIpAllocationIds: string[] } };
  expect(natGateways.strategy).toBe('OnePerAz');
  expect(natGateways.elasticIpAllocationIds).toHaveLength(3);
  expect(run.one('aws:ecs/service:Service').inputs.networkConfiguration).toMatchObject({
    assignPublicIp: false,
    subnets: ['subnet-private-1', 'subnet-private-2', 'subnet-private-3'],
  });
  expect(run.outputs.egressAddresses).toEqual(['192.0.2.1', '192.0.2.2', '192.0.2.3']);
});
