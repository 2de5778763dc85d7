import { beforeEach, describe, expect, test } from '@jest/globals';
import { preflight, type StackConfig } from '../../infra/operate/preflight.ts';
import type { Tools } from '../../infra/operate/tools.ts';
import { project, stackConfig } from './support/stack-config.ts';

const DIGEST = `sha256:${'d'.repeat(64)}`;
const IMAGE = `ghcr.io/acme/sync@${DIGEST}`;

const NAME_SERVERS = ['ns-1.dns.test', 'ns-2.dns.test'];

function config(changes: Record<string, unknown> = {}): StackConfig {
  const flat = stackConfig('production', { imageUri: '', hostedZoneId: 'Z0123456789ABCDEFGHIJ', ...changes });
  return Object.fromEntries(Object.entries(flat).map(([key, value]) => [key.replace(`${project.name}:`, ''), value]));
}

/** What each program prints, by its first words; an Error is what it fails with. */
let programs: Record<string, unknown>;
let nameServers: string[];
let google: Record<string, { status: number; body: unknown }>;
let quotas: Record<string, number>;

beforeEach(() => {
  programs = {
    'aws --version': 'aws-cli/2.31.0 Python/3.13',
    'aws sts get-caller-identity': { Account: '123456789012' },
    'aws ec2 describe-availability-zones': {
      AvailabilityZones: ['a', 'b', 'c'].map((letter) => ({ ZoneName: `eu-north-1${letter}`, State: 'available' })),
    },
    'aws route53 get-hosted-zone': {
      HostedZone: { Name: 'acme.test.', Config: { PrivateZone: false } },
      DelegationSet: { NameServers: NAME_SERVERS },
    },
    'aws ec2 describe-addresses': { Addresses: [{}] },
    'aws ec2 describe-vpcs': { Vpcs: [{}] },
    'pulumi stack --show-name': 'production\n',
    'aws ecr get-registry-scanning-configuration': {
      scanningConfiguration: {
        scanType: 'ENHANCED',
        rules: [{ scanFrequency: 'CONTINUOUS_SCAN', repositoryFilters: [{ filter: 'sync-*', filterType: 'WILDCARD' }] }],
      },
    },
    'gcloud auth application-default': 'a-token',
    'docker buildx version': 'v0.30',
    'docker info': '',
  };
  nameServers = NAME_SERVERS;
  google = {
    serviceusage: { status: 200, body: {} },
    cloudresourcemanager: {
      status: 200,
      body: {
        permissions: [
          'bigquery.datasets.create',
          'iam.serviceAccounts.create',
          'iam.workloadIdentityPools.create',
          'resourcemanager.projects.setIamPolicy',
          'serviceusage.services.enable',
        ],
      },
    },
  };
  quotas = { 'L-0263D0A3': 5, 'L-F678F1CE': 5, 'L-3032A538': 6 };
});

const tools: Tools = {
  async run(program, args) {
    if (args[0] === 'service-quotas') return JSON.stringify({ Quota: { Value: quotas[args[args.indexOf('--quota-code') + 1]!] } });
    const call = Object.keys(programs).find((one) => [program, ...args].join(' ').startsWith(one));
    const output = programs[call ?? ''];
    if (output === undefined) throw new Error(`${program} is not installed or not on the PATH.`);
    if (output instanceof Error) throw output;
    return typeof output === 'string' ? output : JSON.stringify(output);
  },
  resolveNs: async () => nameServers,
  async request(url, token) {
    expect(token).toBe('a-token');
    return google[new URL(url).hostname.split('.')[0]!]!;
  },
};

const faults = async (changes: Record<string, unknown> = {}): Promise<(string | undefined)[]> =>
  (await preflight(config(changes), tools)).flatMap(({ fault }) => fault ?? []);

const warnings = async (changes: Record<string, unknown> = {}): Promise<string[]> =>
  (await preflight(config(changes), tools)).flatMap(({ warning }) => warning ?? []);

describe('preflight', () => {
  test('passes every check where the first update would succeed', async () => {
    expect(await preflight(config(), tools)).toEqual([
      { check: 'the AWS CLI is version 2' },
      { check: 'AWS accepts the credentials, for the right account' },
      { check: 'the region has the zones' },
      { check: 'the hosted zone is delegated' },
      { check: 'the quotas of AWS suffice' },
      { check: 'Google accepts the credentials, with the necessary roles' },
      { check: 'the image can be built, or exists' },
      { check: 'images are scanned continuously' },
    ]);
  });

  test.each([
    ['on push', [{ scanFrequency: 'SCAN_ON_PUSH', repositoryFilters: [{ filter: '*' }] }]],
    ['continuously, but only others', [{ scanFrequency: 'CONTINUOUS_SCAN', repositoryFilters: [{ filter: 'web*' }] }]],
    ['continuously, but only others with the same end', [{ scanFrequency: 'CONTINUOUS_SCAN', repositoryFilters: [{ filter: '*-web' }] }]],
    ['not at all', []],
  ])(
    'only warns of a registry that scans images %s, because it is optional and costs money, if the stack is protected',
    async (_, rules) => {
      programs['aws ecr get-registry-scanning-configuration'] = { scanningConfiguration: { rules } };
      expect(await warnings()).toEqual([expect.stringMatching(/^ECR scans images of this region only when they are pushed, /)]);
      expect(await faults()).toEqual([]);
      expect(await warnings({ protect: false })).toEqual([]);
    },
  );

  test.each(['*', 'sync-*', 'sync-production*', 'sync-production', '*-production-*'])(
    'accepts a registry that scans %s continuously',
    async (filter) => {
      const rules = [{ scanFrequency: 'CONTINUOUS_SCAN', repositoryFilters: [{ filter }] }];
      programs['aws ecr get-registry-scanning-configuration'] = { scanningConfiguration: { rules } };
      expect(await warnings()).toEqual([]);
    },
  );

  test('finds the first version of the AWS CLI', async () => {
    programs['aws --version'] = 'aws-cli/1.44.0 Python/3.11';
    expect(await faults()).toEqual(['It is aws-cli/1.44.0 Python/3.11. Install version 2.']);
  });

  test('finds credentials for another account', async () => {
    programs['aws sts get-caller-identity'] = { Account: '210987654321' };
    expect(await faults()).toEqual(['The credentials are for account 210987654321, but aws:allowedAccountIds lists 123456789012.']);
  });

  test('finds a zone that the account does not have', async () => {
    expect(await faults({ availabilityZones: ['eu-north-1a', 'eu-north-1d'] })).toEqual([
      'eu-north-1d is not available to this account. It has eu-north-1a, eu-north-1b, eu-north-1c.',
    ]);
  });

  test.each([
    [['ns.registrar.test'], 'acme.test is delegated to ns.registrar.test. Set its name servers to ns-1.dns.test, ns-2.dns.test,'],
    [[], 'acme.test is delegated to no name server. Set its name servers to'],
  ])('finds a zone that is delegated to %j', async (found, sentence) => {
    nameServers = found;
    expect(await faults()).toEqual([expect.stringContaining(sentence)]);
    expect(await faults({ loadBalancer: false })).toEqual([]);
  });

  test('finds a domain that is not in the zone, and a private zone', async () => {
    expect(await faults({ domainName: 'sync.other.test' })).toEqual([
      'domainName sync.other.test is not in acme.test, the zone Z0123456789ABCDEFGHIJ.',
    ]);
    programs['aws route53 get-hosted-zone'] = { HostedZone: { Name: 'acme.test.', Config: { PrivateZone: true } } };
    expect(await faults()).toEqual(['Z0123456789ABCDEFGHIJ is a private zone. Use a public one.']);
  });

  test('finds quotas that are too low: for the addresses of NAT gateways, and for tasks', async () => {
    quotas = { ...quotas, 'L-0263D0A3': 3, 'L-3032A538': 1 };
    expect(await faults()).toEqual([
      'The account needs 4 Elastic IP addresses, and its quota is 3. Request more in Service Quotas (L-0263D0A3). ' +
        'The account needs 2 vCPUs of Fargate, and its quota is 1. Request more in Service Quotas (L-3032A538).',
    ]);
  });

  test('finds APIs that are not enabled, and missing roles', async () => {
    google.serviceusage = { status: 403, body: {} };
    expect(await faults()).toEqual([expect.stringContaining('gcloud services enable serviceusage.googleapis.com')]);
    google.serviceusage = { status: 200, body: {} };
    google.cloudresourcemanager = { status: 200, body: { permissions: ['bigquery.datasets.create'] } };
    expect(await faults()).toEqual([
      expect.stringMatching(/^The credentials lack iam\.serviceAccounts\.create, .*serviceusage\.services\.enable\./),
    ]);
  });

  test('finds a missing Docker, unless an image is configured', async () => {
    delete programs['docker info'];
    expect(await faults()).toEqual([
      'Docker with buildx does not run here. Start it, or set imageUri to an image that was built elsewhere.',
    ]);
    programs['docker buildx imagetools inspect'] = '';
    expect(await faults({ imageUri: IMAGE })).toEqual([]);
  });

  test('finds an image that does not exist, in ECR or elsewhere', async () => {
    programs['docker buildx imagetools inspect'] = new Error('docker buildx imagetools failed: not found');
    expect(await faults({ imageUri: IMAGE })).toEqual([
      `imageUri is ${IMAGE}, which cannot be read: docker buildx imagetools failed: not found`,
    ]);
    const imageUri = `210987654321.dkr.ecr.eu-west-1.amazonaws.com/team/sync:v1@${DIGEST}`;
    const call = `aws ecr describe-images --registry-id 210987654321 --repository-name team/sync --image-ids imageDigest=${DIGEST} --region eu-west-1`;
    programs[call] = new Error('An error occurred (ImageNotFoundException)');
    expect(await faults({ imageUri })).toEqual([
      `imageUri is ${imageUri}, which cannot be read: An error occurred (ImageNotFoundException)`,
    ]);
    programs[call] = { imageDetails: [{}] };
    // ECR needs no Docker.
    delete programs['docker buildx version'];
    expect(await faults({ imageUri })).toEqual([]);
  });

  test('says that it does not know whether an image exists, without Docker', async () => {
    delete programs['docker buildx version'];
    expect(await warnings({ imageUri: IMAGE })).toEqual([
      `Docker with buildx is not installed here, so it is not known whether ${IMAGE} exists.`,
    ]);
    expect(await faults({ imageUri: IMAGE })).toEqual([]);
  });

  test('reports a program that is missing, and runs the other checks', async () => {
    delete programs['gcloud auth application-default'];
    expect(await faults()).toEqual(['gcloud is not installed or not on the PATH.']);
  });
});
