import type * as pulumi from '@pulumi/pulumi';
import { ConfigReader, type RawConfig } from './config-reader.ts';
import { MAX_RANGES } from './network/allowed-ranges.ts';
import { CIDR, enclosingRange, OCTET } from './network/cidr.ts';
import { maxTasks } from './service/max-tasks.ts';
import { requiredMemoryMib } from './service/task-memory.ts';

export type Architecture = 'ARM64' | 'X86_64';
export type NatGateways = 'None' | 'Single' | 'OnePerAz';

/** Everything that can be configured for a stack. Pulumi.yaml describes each key. */
export interface Settings {
  stack: string;
  /** the prefix of every resource name; short, because a load balancer's name has at most 32 characters, 8 of them Pulumi's suffix */
  name: string;
  region: string;
  network: { zones: string[]; cidr: string; natGateways: NatGateways };
  /** undefined: no load balancer; the service is reached through a tunnel */
  ingress: IngressSettings | undefined;
  image: { uri: string | undefined; architecture: Architecture };
  task: {
    cpu: number;
    memory: number;
    count: number;
    /** the number that auto scaling may reach; equal to `count`: there is none */
    maxCount: number;
  };
  app: AppSettings;
  secrets: {
    salesforceApps: pulumi.Output<string>;
    /** undefined: no alerts are sent; the secret also if the receiver needs none */
    alertWebhookUrl: pulumi.Output<string> | undefined;
    alertWebhookSecret: pulumi.Output<string> | undefined;
    apiKeys: string[];
    tickKeys: number[];
    tokenKeys: number[];
  };
  database: {
    instanceClass: string;
    multiZone: boolean;
    backupDays: number;
    storageGib: number;
    lastSnapshot: boolean;
    /** whether the migration has the password of RDS's master, to create its own roles */
    setUp: boolean;
    /** the snapshot to create the database from; undefined creates it empty, or leaves it as it is */
    snapshot: string | undefined;
  };
  schedule: { enabled: boolean; everyMinutes: number };
  google: { project: string; location: string; datasets: string[]; stagingDataset: string; readers: string[] };
  observability: { alarmEmails: string[]; logRetentionDays: number; containerInsights: string };
  security: { webFirewall: boolean; trafficLogs: boolean };
  customerKey: boolean;
  protect: boolean;
}

/** The service's public address, and who may call it there. */
export interface IngressSettings {
  domainName: string;
  hostedZoneId: string;
  allowedCidrs: string[];
}

/** Passed to the app unchanged. */
export interface AppSettings {
  workers: number;
  runsPerConnection: number;
  apiShare: number;
  lagMinutes: number;
  overlapMinutes: number;
  runRetentionDays: number;
  salesforceApiVersion: string;
  bigqueryDailyGbPerJob: number;
  /** undefined: the app's own default */
  salesforceGzip: string | undefined;
  salesforceComposite: string | undefined;
  bigqueryUpload: string | undefined;
  alertEvents: string | undefined;
  alertFormat: string | undefined;
}

/** Where settings come from: the stack's name, the project's keys, and the providers' keys in full (`aws:region`). */
export interface ConfigSource {
  stack: string;
  project: string;
  /** all keys that are set, in full */
  keys: string[];
  own: RawConfig;
  provider: RawConfig;
  /** whether one of the project's keys is encrypted in the stack's file */
  isEncrypted: (key: string) => boolean;
}

/** The memory in MiB that Fargate offers, by CPU units. */
const FARGATE_MEMORY: Record<number, { min: number; max: number; step: number }> = {
  256: { min: 512, max: 2048, step: 512 },
  512: { min: 1024, max: 4096, step: 1024 },
  1024: { min: 2048, max: 8192, step: 1024 },
  2048: { min: 4096, max: 16384, step: 1024 },
  4096: { min: 8192, max: 30720, step: 1024 },
};

/** Who else reads keys: the providers that this program uses, and Pulumi itself. */
const OTHER_READERS = /^(?:aws|awsx|gcp|pulumi|random):/;

/** The retention periods that CloudWatch supports. */
const LOG_RETENTION_DAYS = ['1', '3', '5', '7', '14', '30', '60', '90', '120', '150', '180', '365', '400', '545', '731', '1096', '1827'];

/**
 * Reads and checks a stack's whole configuration.
 * @throws RunError that lists every fault
 */
export function readSettings({ stack, project, keys, own, provider, isEncrypted }: ConfigSource): Settings {
  const read = new ConfigReader((key) => own(key) ?? provider(key), isEncrypted);
  // The names of roles, the database and the Google account contain it. RDS rejects consecutive hyphens and a trailing one.
  if (!/^(?=.{1,12}$)[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(stack)) {
    read.fault(
      `The stack name ${stack} is not supported. Use 1 to 12 characters: a-z, 0-9 and single hyphens in between, starting with a letter.`,
    );
  }
  // China and GovCloud are separate partitions: their ARNs do not start with `arn:aws:`, as those in the policies here do.
  const region = read.text('aws:region', 'a region outside China and GovCloud, for example eu-north-1', /^(?!cn-)[a-z]{2}-[a-z]+-\d$/);
  // The provider refuses to work in another account.
  read.list('aws:allowedAccountIds', 'the ID of an AWS account, 12 digits', /^\d{12}$/);
  const app = readApp(read);
  const database = readDatabase(read);
  const settings: Settings = {
    stack,
    name: `sync-${stack}`,
    region,
    network: readNetwork(read, region),
    ingress: readIngress(read),
    image: {
      uri: read.optionalText('imageUri', 'an image with its digest: name@sha256:…', /^[^\s@]+@sha256:[0-9a-f]{64}$/),
      architecture: read.choice('architecture', ['ARM64', 'X86_64']),
    },
    task: readTask(read, app.workers, database.instanceClass),
    app,
    secrets: readSecrets(read),
    database,
    schedule: { enabled: read.flag('scheduleEnabled'), everyMinutes: read.integer('scheduleMinutes', 1, 1440) },
    google: readGoogle(read),
    observability: {
      alarmEmails: read.list('alarmEmails', 'an email address', /^\S+@\S+\.\S+$/, 1),
      logRetentionDays: Number(read.choice('logRetentionDays', LOG_RETENTION_DAYS)),
      containerInsights: read.choice('containerInsights', ['disabled', 'enabled', 'enhanced']),
    },
    security: { webFirewall: read.flag('webFirewall'), trafficLogs: read.flag('trafficLogs') },
    customerKey: read.flag('customerKey'),
    protect: read.flag('protect'),
  };
  read.refuseUnknown(keys.filter((key) => !OTHER_READERS.test(key)).map((key) => key.replace(`${project}:`, '')));
  read.finish();
  return settings;
}

/** A /16 in the private ranges 10/8, 172.16/12 and 192.168/16. */
const PRIVATE_16 = new RegExp(`^(10\\.${OCTET}|172\\.(1[6-9]|2\\d|3[01])|192\\.168)\\.0\\.0/16$`);

function readNetwork(read: ConfigReader, region: string): Settings['network'] {
  // RDS requires subnets in two zones, with or without a standby. If the region is invalid, only the region is reported, not every zone.
  const regionPattern = /^[a-z0-9-]+$/.test(region) ? region : '\\S+';
  const zones = read.list('availabilityZones', `a zone of ${region || 'aws:region'}`, new RegExp(`^${regionPattern}[a-z]$`), 2);
  if (zones.length > 4) read.fault('availabilityZones has more than four zones. Remove zones from the end of the list.');
  const cidr = read.text('vpcCidr', 'a private /16 range, for example 10.64.0.0/16', PRIVATE_16);
  return { zones, cidr, natGateways: read.choice('natGateways', ['None', 'Single', 'OnePerAz']) };
}

function readIngress(read: ConfigReader): Settings['ingress'] {
  const hasLoadBalancer = read.flag('loadBalancer');
  const allowedCidrs = readAllowedCidrs(read);
  if (hasLoadBalancer) return { ...readAddress(read), allowedCidrs };
  // They have no effect, and may stay for a time with a load balancer.
  read.optionalText('domainName', 'a host name in the hosted zone', HOST_NAME);
  read.optionalText('hostedZoneId', 'the ID of a public Route 53 zone', ZONE_ID);
  return undefined;
}

/** A host name, and the ID of a Route 53 zone. */
const HOST_NAME = /^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}$/;
const ZONE_ID = /^Z[A-Z0-9]{5,31}$/;

function readAddress(read: ConfigReader): Omit<IngressSettings, 'allowedCidrs'> {
  return {
    domainName: read.text('domainName', 'a host name in the hosted zone', HOST_NAME),
    hostedZoneId: read.text('hostedZoneId', 'the ID of a public Route 53 zone', ZONE_ID),
  };
}

function readAllowedCidrs(read: ConfigReader): string[] {
  const ranges = read.list('allowedCidrs', 'an IPv4 range, for example 198.51.100.7/32', CIDR);
  for (const range of ranges.filter((one) => CIDR.test(one) && enclosingRange(one) !== one)) {
    const address = range.replace(/\/.*/, '/32');
    read.fault(
      `allowedCidrs contains ${JSON.stringify(range)}, an address with the prefix of a range. Use ${enclosingRange(range)} or ${address}.`,
    );
  }
  if (ranges.length > MAX_RANGES) {
    read.fault(`allowedCidrs has ${ranges.length} ranges, but a load balancer supports ${MAX_RANGES}. Merge some into larger ranges.`);
  }
  return ranges;
}

function readApp(read: ConfigReader): AppSettings {
  return {
    workers: read.integer('workers', 1, 64),
    runsPerConnection: read.integer('runsPerConnection', 1, 64),
    apiShare: read.share('apiShare'),
    lagMinutes: read.integer('lagMinutes', 0, 24 * 60),
    overlapMinutes: read.integer('overlapMinutes', 0, 7 * 24 * 60),
    runRetentionDays: read.integer('runRetentionDays', 1, 3650),
    salesforceApiVersion: read.text('salesforceApiVersion', 'a version, for example 66.0', /^\d{2,3}\.0$/),
    bigqueryDailyGbPerJob: read.integer('bigqueryDailyGbPerJob', 1, 1_000_000),
    salesforceGzip: read.optionalText('salesforceGzip', 'on or off', /^(on|off)$/),
    salesforceComposite: read.optionalText('salesforceComposite', 'on or off', /^(on|off)$/),
    bigqueryUpload: read.optionalText('bigqueryUpload', 'resumable or multipart', /^(resumable|multipart)$/),
    alertEvents: read.optionalText('alertEvents', 'a comma-separated list of events', /^[a-z_]+( *, *[a-z_]+)*$/),
    alertFormat: read.optionalText('alertFormat', 'generic or slack', /^(generic|slack)$/),
  };
}

function readTask(read: ConfigReader, workers: number, instanceClass: string): Settings['task'] {
  const cpu = Number(read.choice('taskCpu', Object.keys(FARGATE_MEMORY)));
  const { min, max, step } = FARGATE_MEMORY[cpu]!;
  const memory = read.integer('taskMemory', min, max);
  const required = requiredMemoryMib(workers);
  if (memory % step > 0) read.fault(`taskMemory is ${memory}. For taskCpu ${cpu}, Fargate requires a multiple of ${step}.`);
  if (memory < required) read.fault(`taskMemory is ${memory}, but ${workers} workers need ${required}. Raise it or lower workers.`);
  const count = read.integer('taskCount', 0, 20);
  const maxCount = read.integer('maxTaskCount', 0, 20);
  if (maxCount > 0 && maxCount < count)
    read.fault(`maxTaskCount is ${maxCount}, less than taskCount ${count}. Raise it, or set it to 0 for no auto scaling.`);
  const limit = maxTasks(instanceClass);
  for (const [key, tasks] of [['taskCount', count] as const, ['maxTaskCount', maxCount > count ? maxCount : 0] as const]) {
    if (tasks <= limit) continue;
    read.fault(
      `${key} is ${tasks}, but ${instanceClass} has connections for ${limit}. Lower it or set databaseInstanceClass to a larger class.`,
    );
  }
  // 0 stops the service, and auto scaling must not start it.
  return { cpu, memory, count, maxCount: count === 0 ? 0 : Math.max(count, maxCount) };
}

function readSecrets(read: ConfigReader): Settings['secrets'] {
  const numbers = (key: string): number[] => read.list(key, 'an integer between 1 and 9999', /^[1-9]\d{0,3}$/, 1).map(Number);
  return {
    salesforceApps: read.secret(
      'salesforceApps',
      'JSON of the form {"<login host>": {"client_id": "…", "client_secret": "…"}}',
      isSalesforceApps,
    ),
    alertWebhookUrl: read.optionalSecret('alertWebhookUrl', 'a URL, https://…', (value) => /^https:\/\/[^\s<>]+$/.test(value)),
    alertWebhookSecret: read.optionalSecret('alertWebhookSecret', 'the output of `echo "whsec_$(openssl rand -base64 32)"`', (value) =>
      /^whsec_[A-Za-z0-9+/]{32,}={0,2}$/.test(value),
    ),
    apiKeys: read.list('apiKeys', 'name:role:sha256 of a key', /^[\w.-]+:(read|data|operate|admin|tick):[0-9a-f]{64}$/),
    tickKeys: numbers('tickKeys'),
    tokenKeys: numbers('tokenKeys'),
  };
}

function readDatabase(read: ConfigReader): Settings['database'] {
  return {
    instanceClass: read.text('databaseInstanceClass', 'an RDS instance class, for example db.t4g.small', /^db\.[a-z0-9]+\.[a-z0-9]+$/),
    multiZone: read.flag('databaseMultiZone'),
    backupDays: read.integer('databaseBackupDays', 1, 35),
    storageGib: read.integer('databaseStorageGib', 20, 1024),
    lastSnapshot: read.flag('databaseLastSnapshot'),
    setUp: read.flag('databaseSetUp'),
    snapshot: read.optionalText(
      'databaseSnapshot',
      'the name of a snapshot, for example sync-production-last-0a1b2c3d',
      /^(rds:)?[A-Za-z][A-Za-z0-9-]{0,254}$/,
    ),
  };
}

function readGoogle(read: ConfigReader): Settings['google'] {
  const datasets = read.list('datasets', 'a name of letters, digits and _', /^[A-Za-z0-9_]{1,128}$/, 1);
  const stagingDataset = read.text('stagingDataset', 'a name of letters, digits and _', /^[A-Za-z0-9_]{1,128}$/);
  // Staging tables expire; target tables must not.
  if (datasets.includes(stagingDataset)) {
    read.fault(`stagingDataset is ${stagingDataset}, which is also listed in datasets. Use a different name.`);
  }
  return {
    project: read.text('gcp:project', 'the ID of the Google Cloud project', /^[a-z][a-z0-9-]{4,28}[a-z0-9]$/),
    location: read.text('bigqueryLocation', 'a location, for example EU or europe-north1', /^(US|EU|[a-z]+-[a-z]+\d+)$/),
    datasets,
    stagingDataset,
    readers: read.list(
      'datasetReaders',
      'user:, group:, serviceAccount: or domain: followed by a name',
      /^(user|group|serviceAccount|domain):\S+\.\S+$/,
    ),
  };
}

function isSalesforceApps(text: string): boolean {
  try {
    const apps = Object.entries(JSON.parse(text) as Record<string, Record<string, unknown>>);
    return apps.length > 0 && apps.every(([host, app]) => /^[a-z0-9.-]+\.salesforce\.com$/.test(host) && isSalesforceApp(app));
  } catch {
    return false;
  }
}

function isSalesforceApp({ client_id, client_secret }: Record<string, unknown>): boolean {
  return [client_id, client_secret].every((value) => typeof value === 'string' && value !== '' && !value.includes('<') && value !== '…');
}
