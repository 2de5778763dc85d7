import { type Check, type Finding, runChecks, type Warning } from './run-checks.ts';
import type { Tools } from './tools.ts';

/** The selected stack's configuration, with the defaults of Pulumi.yaml: text by key, lists as JSON. */
export type StackConfig = Record<string, string>;

/** What the program's resources need in Google, as permissions of the roles that the README lists. */
const GOOGLE_PERMISSIONS = [
  'bigquery.datasets.create',
  'iam.serviceAccounts.create',
  'iam.workloadIdentityPools.create',
  'resourcemanager.projects.setIamPolicy',
  'serviceusage.services.enable',
];

/** The addresses of NAT gateways, and the network, count against these quotas of the account and region. */
const QUOTAS = {
  addresses: { service: 'ec2', code: 'L-0263D0A3' },
  networks: { service: 'vpc', code: 'L-F678F1CE' },
  fargate: { service: 'fargate', code: 'L-3032A538' },
};

/** An image in ECR, by its account, region, repository and digest. */
const ECR_IMAGE = /^(\d{12})\.dkr\.ecr\.([\w-]+)\.amazonaws\.com\/([^@:]+)(?::[^@]+)?@(.+)$/;

/** Checks, before the first `up` creates anything that is billed, whatever would make it fail halfway. */
export async function preflight(config: StackConfig, tools: Tools): Promise<Finding[]> {
  const zoneCheck: Check = ['the hosted zone is delegated', () => checkDelegation(config, tools)];
  const scanCheck: Check = ['images are scanned continuously', () => checkScans(config, tools)];
  const checks: Check[] = [
    ['the AWS CLI is version 2', () => checkCli(tools)],
    ['AWS accepts the credentials, for the right account', () => checkAccount(config, tools)],
    ['the region has the zones', () => checkZones(config, tools)],
    ...(config.loadBalancer === 'false' ? [] : [zoneCheck]),
    ['the quotas of AWS suffice', () => checkQuotas(config, tools)],
    ['Google accepts the credentials, with the necessary roles', () => checkGoogle(config, tools)],
    ['the image can be built, or exists', () => checkImage(config, tools)],
    // A trial may do without it, and its cost.
    ...(config.protect === 'true' ? [scanCheck] : []),
  ];
  return await runChecks(checks);
}

async function aws<Output>({ run }: Tools, config: StackConfig, ...args: string[]): Promise<Output> {
  const region = ['--region', config['aws:region'] ?? '', '--output', 'json', '--no-cli-pager'];
  return JSON.parse(await run('aws', [...args, ...region])) as Output;
}

const list = (text: string | undefined): string[] => (text ? (JSON.parse(text) as unknown[]).map(String) : []);

async function checkCli({ run }: Tools): Promise<string | undefined> {
  const version = (await run('aws', ['--version'])).trim();
  return version.startsWith('aws-cli/2.') ? undefined : `It is ${version}. Install version 2.`;
}

async function checkAccount(config: StackConfig, tools: Tools): Promise<string | undefined> {
  const { Account } = await aws<{ Account: string }>(tools, config, 'sts', 'get-caller-identity');
  const allowed = list(config['aws:allowedAccountIds']);
  if (allowed.length === 0 || allowed.includes(Account)) return undefined;
  return `The credentials are for account ${Account}, but aws:allowedAccountIds lists ${allowed.join(', ')}.`;
}

async function checkZones(config: StackConfig, tools: Tools): Promise<string | undefined> {
  const { AvailabilityZones } = await aws<{ AvailabilityZones: { ZoneName: string; State: string }[] }>(
    tools,
    config,
    'ec2',
    'describe-availability-zones',
  );
  const available = AvailabilityZones.filter(({ State }) => State === 'available').map(({ ZoneName }) => ZoneName);
  const missing = list(config.availabilityZones).filter((zone) => !available.includes(zone));
  return missing.length === 0 ? undefined : `${missing.join(', ')} is not available to this account. It has ${available.join(', ')}.`;
}

async function checkDelegation(config: StackConfig, tools: Tools): Promise<string | undefined> {
  const { domainName = '', hostedZoneId = '' } = config;
  const { HostedZone, DelegationSet } = await aws<{
    HostedZone: { Name: string; Config: { PrivateZone: boolean } };
    DelegationSet?: { NameServers: string[] };
  }>(tools, config, 'route53', 'get-hosted-zone', '--id', hostedZoneId);
  const zone = HostedZone.Name.replace(/\.$/, '');
  if (HostedZone.Config.PrivateZone) return `${hostedZoneId} is a private zone. Use a public one.`;
  if (domainName !== zone && !domainName.endsWith(`.${zone}`))
    return `domainName ${domainName} is not in ${zone}, the zone ${hostedZoneId}.`;
  const expected = (DelegationSet?.NameServers ?? []).map((name) => name.toLowerCase());
  const found = (await tools.resolveNs(zone).catch(() => [] as string[])).map((name) => name.toLowerCase().replace(/\.$/, ''));
  if (found.some((name) => expected.includes(name))) return undefined;
  return `${zone} is delegated to ${found.join(', ') || 'no name server'}. Set its name servers to ${expected.join(', ')}, at the registrar or in the parent zone.`;
}

async function checkQuotas(config: StackConfig, tools: Tools): Promise<string | undefined> {
  const zones = list(config.availabilityZones).length;
  const gateways = { None: 0, Single: 1, OnePerAz: zones }[config.natGateways ?? ''] ?? 0;
  // A deployment runs every task twice.
  const cpus = (2 * Math.max(Number(config.taskCount), Number(config.maxTaskCount)) * Number(config.taskCpu)) / 1024;
  const { Addresses } = await aws<{ Addresses: unknown[] }>(tools, config, 'ec2', 'describe-addresses');
  const { Vpcs } = await aws<{ Vpcs: unknown[] }>(tools, config, 'ec2', 'describe-vpcs');
  const needs = [
    { what: 'Elastic IP addresses', quota: QUOTAS.addresses, needed: Addresses.length + gateways },
    { what: 'VPCs', quota: QUOTAS.networks, needed: Vpcs.length + 1 },
    { what: 'vCPUs of Fargate', quota: QUOTAS.fargate, needed: cpus },
  ];
  const faults: string[] = [];
  for (const { what, quota, needed } of needs) {
    const args = ['service-quotas', 'get-service-quota', '--service-code', quota.service, '--quota-code', quota.code];
    const { Quota } = await aws<{ Quota: { Value: number } }>(tools, config, ...args);
    if (needed > Quota.Value) {
      faults.push(`The account needs ${needed} ${what}, and its quota is ${Quota.Value}. Request more in Service Quotas (${quota.code}).`);
    }
  }
  return faults.length === 0 ? undefined : faults.join(' ');
}

async function checkGoogle(config: StackConfig, tools: Tools): Promise<string | undefined> {
  const project = config['gcp:project'] ?? '';
  const token = (await tools.run('gcloud', ['auth', 'application-default', 'print-access-token'])).trim();
  const usage = await tools.request(`https://serviceusage.googleapis.com/v1/projects/${project}/services/bigquery.googleapis.com`, token);
  if (usage.status !== 200) {
    return `Google returned HTTP ${usage.status} for project ${project}. Check the project's ID, and run \`gcloud services enable serviceusage.googleapis.com cloudresourcemanager.googleapis.com --project ${project}\`.`;
  }
  const url = `https://cloudresourcemanager.googleapis.com/v1/projects/${project}:testIamPermissions`;
  const { status, body } = await tools.request(url, token, { permissions: GOOGLE_PERMISSIONS });
  if (status !== 200)
    return `Google returned HTTP ${status}. Run \`gcloud services enable cloudresourcemanager.googleapis.com --project ${project}\`.`;
  const granted = (body as { permissions?: string[] }).permissions ?? [];
  const missing = GOOGLE_PERMISSIONS.filter((permission) => !granted.includes(permission));
  return missing.length === 0
    ? undefined
    : `The credentials lack ${missing.join(', ')}. See "Prerequisites" in infra/README.md for the roles.`;
}

async function checkImage(config: StackConfig, tools: Tools): Promise<string | Warning | undefined> {
  const { imageUri } = config;
  const hasDocker = await succeeds(tools, 'docker', ['buildx', 'version']);
  if (!imageUri) {
    if (hasDocker && (await succeeds(tools, 'docker', ['info']))) return undefined;
    return 'Docker with buildx does not run here. Start it, or set imageUri to an image that was built elsewhere.';
  }
  const [, account, region = '', repository = '', digest] = ECR_IMAGE.exec(imageUri) ?? [];
  if (!account && !hasDocker)
    return { warning: `Docker with buildx is not installed here, so it is not known whether ${imageUri} exists.` };
  try {
    if (account) {
      const image = ['--registry-id', account, '--repository-name', repository, '--image-ids', `imageDigest=${digest}`];
      await aws(tools, { ...config, 'aws:region': region }, 'ecr', 'describe-images', ...image);
    } else await tools.run('docker', ['buildx', 'imagetools', 'inspect', imageUri]);
    return undefined;
  } catch (error) {
    return `imageUri is ${imageUri}, which cannot be read: ${(error as Error).message}`;
  }
}

async function succeeds({ run }: Tools, program: string, args: string[]): Promise<boolean> {
  return await run(program, args).then(
    () => true,
    () => false,
  );
}

/** The registry's configuration is the account's, for all repositories, so this program does not change it. */
async function checkScans(config: StackConfig, tools: Tools): Promise<Warning | undefined> {
  const { scanningConfiguration } = await aws<{
    scanningConfiguration: { rules?: { scanFrequency: string; repositoryFilters: { filter: string }[] }[] };
  }>(tools, config, 'ecr', 'get-registry-scanning-configuration');
  // Pulumi adds random characters.
  const repository = `sync-${(await tools.run('pulumi', ['stack', '--show-name'])).trim()}-0000000`;
  const continuous = (scanningConfiguration.rules ?? []).filter(({ scanFrequency }) => scanFrequency === 'CONTINUOUS_SCAN');
  const filters = continuous.flatMap(({ repositoryFilters }) => repositoryFilters.map(({ filter }) => filter));
  if (filters.some((filter) => isCovered(repository, filter))) return undefined;
  return {
    warning:
      'ECR scans images of this region only when they are pushed, so vulnerabilities that become known later raise no alarm. See "Vulnerabilities in images" in infra/README.md.',
  };
}

/** Whether ECR's filter matches a repository: a text without wildcards matches every name that contains it. */
function isCovered(repository: string, filter: string): boolean {
  if (!filter.includes('*')) return repository.includes(filter);
  const pattern = filter
    .split('*')
    .map((part) => part.replaceAll(/[^\w]/g, '\\$&'))
    .join('.*');
  return new RegExp(`^${pattern}$`).test(repository);
}
