import type * as pulumi from '@pulumi/pulumi';
import { MAX_RANGES } from './allowed-ranges.ts';
import { CIDR, OCTET, rangeOf } from './cidr.ts';
import { ConfigReader, type RawConfig } from './config-reader.ts';
import { mostTasks } from './most-tasks.ts';
import { neededMemoryMib } from './task-memory.ts';

export type Architecture = 'ARM64' | 'X86_64';
export type NatGateways = 'None' | 'Single' | 'OnePerAz';

/** Everything about a stack that can be set; see Pulumi.yaml for what each means. */
export interface Settings {
  stack: string;
  /** the beginning of every name; short, since a load balancer's may have 32 characters, 8 of them Pulumi's */
  name: string;
  region: string;
  network: { zones: string[]; cidr: string; natGateways: NatGateways };
  ingress: { domainName: string; hostedZoneId: string; allowedCidrs: string[] };
  image: { uri: string | undefined; architecture: Architecture };
  task: { cpu: number; memory: number; count: number };
  app: AppSettings;
  secrets: { salesforceApps: pulumi.Output<string>; apiKeys: string[]; tickKeys: number[]; tokenKeys: number[] };
  database: {
    instanceClass: string;
    multiZone: boolean;
    backupDays: number;
    storageGib: number;
    lastSnapshot: boolean;
    /** made of it; undefined: made empty, or left as it is */
    snapshot: string | undefined;
  };
  schedule: { enabled: boolean; everyMinutes: number };
  google: { project: string; location: string; datasets: string[]; stagingDataset: string; readers: string[] };
  observability: { alarmEmails: string[]; logRetentionDays: number; containerInsights: string };
  customerKey: boolean;
  protect: boolean;
}

/** What is passed on to the app as it is. */
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
  bigqueryUpload: string | undefined;
}

/** Where settings come from: the stack's name, its own values, and those of the providers by their full keys. */
export interface ConfigSource {
  stack: string;
  own: RawConfig;
  provider: RawConfig;
}

/** What Fargate sells: MiB by CPU units. */
const FARGATE_MEMORY: Record<number, { least: number; most: number; step: number }> = {
  256: { least: 512, most: 2048, step: 512 },
  512: { least: 1024, most: 4096, step: 1024 },
  1024: { least: 2048, most: 8192, step: 1024 },
  2048: { least: 4096, most: 16384, step: 1024 },
  4096: { least: 8192, most: 30720, step: 1024 },
};

/** The steps that CloudWatch knows. */
const LOG_RETENTION_DAYS = ['1', '3', '5', '7', '14', '30', '60', '90', '120', '150', '180', '365', '400', '545', '731', '1096', '1827'];

/**
 * Reads a stack's whole configuration.
 * @throws RunError with a sentence for each fault
 */
export function readSettings({ stack, own, provider }: ConfigSource): Settings {
  const read = new ConfigReader((key) => own(key) ?? provider(key));
  // Names of roles, of the database and of Google's accounts are made of it; RDS takes no two hyphens in a row, and none at the end.
  if (!/^(?=.{1,12}$)[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(stack)) {
    read.fault(`The stack is named ${stack}: use up to 12 of a-z and 0-9, a letter first, and - only between them.`);
  }
  // China's regions and GovCloud's are other partitions: their ARNs begin with another word than those in the policies here.
  const region = read.text('aws:region', 'a region outside China and GovCloud, such as eu-north-1', /^(?!cn-)[a-z]{2}-[a-z]+-\d$/);
  const app = readApp(read);
  const database = readDatabase(read);
  const settings: Settings = {
    stack,
    name: `sync-${stack}`,
    region,
    network: readNetwork(read, region),
    ingress: readIngress(read),
    image: {
      uri: read.optionalText('imageUri', 'an image by digest, name@sha256:…', /^[^\s@]+@sha256:[0-9a-f]{64}$/),
      architecture: read.choice('architecture', ['ARM64', 'X86_64']),
    },
    task: readTask(read, app.workers, database.instanceClass),
    app,
    secrets: readSecrets(read),
    database,
    schedule: { enabled: read.flag('scheduleEnabled'), everyMinutes: read.integer('scheduleMinutes', 1, 1440) },
    google: readGoogle(read),
    observability: {
      alarmEmails: read.list('alarmEmails', 'mail addresses', /^\S+@\S+\.\S+$/, 1),
      logRetentionDays: Number(read.choice('logRetentionDays', LOG_RETENTION_DAYS)),
      containerInsights: read.choice('containerInsights', ['disabled', 'enabled', 'enhanced']),
    },
    customerKey: read.flag('customerKey'),
    protect: read.flag('protect'),
  };
  read.finish();
  return settings;
}

/** Of the ranges that no one on the internet has: 10/8, 172.16/12 and 192.168/16. */
const PRIVATE_16 = new RegExp(`^(10\\.${OCTET}|172\\.(1[6-9]|2\\d|3[01])|192\\.168)\\.0\\.0/16$`);

function readNetwork(read: ConfigReader, region: string): Settings['network'] {
  // RDS wants subnets in two zones, whether it has a standby or not.
  const ofRegion = /^[a-z0-9-]+$/.test(region) ? region : '\\S+';
  const zones = read.list('availabilityZones', `two to four zones of ${region || 'aws:region'}`, new RegExp(`^${ofRegion}[a-z]$`), 2);
  if (zones.length > 4) read.fault('availabilityZones has more than four zones: leave out those at its end.');
  const cidr = read.text('vpcCidr', 'a private /16, such as 10.64.0.0/16', PRIVATE_16);
  return { zones, cidr, natGateways: read.choice('natGateways', ['None', 'Single', 'OnePerAz']) };
}

function readIngress(read: ConfigReader): Settings['ingress'] {
  return {
    domainName: read.text('domainName', 'a host name in the hosted zone', /^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}$/),
    hostedZoneId: read.text('hostedZoneId', 'the id of a public Route 53 zone', /^Z[A-Z0-9]{5,31}$/),
    allowedCidrs: readAllowedCidrs(read),
  };
}

function readAllowedCidrs(read: ConfigReader): string[] {
  const ranges = read.list('allowedCidrs', 'IPv4 ranges, such as 198.51.100.7/32', CIDR);
  for (const range of ranges.filter((one) => CIDR.test(one) && rangeOf(one) !== one)) {
    const alone = range.replace(/\/.*/, '/32');
    read.fault(
      `allowedCidrs holds ${JSON.stringify(range)}, an address with the prefix of a range: give it ${rangeOf(range)}, or ${alone}.`,
    );
  }
  if (ranges.length > MAX_RANGES) {
    read.fault(`allowedCidrs has ${ranges.length} ranges, and a load balancer takes ${MAX_RANGES}: join some to larger ones.`);
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
    salesforceApiVersion: read.text('salesforceApiVersion', 'a version such as 66.0', /^\d{2,3}\.0$/),
    bigqueryDailyGbPerJob: read.integer('bigqueryDailyGbPerJob', 1, 1_000_000),
    salesforceGzip: read.optionalText('salesforceGzip', 'on or off', /^(on|off)$/),
    bigqueryUpload: read.optionalText('bigqueryUpload', 'resumable or multipart', /^(resumable|multipart)$/),
  };
}

function readTask(read: ConfigReader, workers: number, instanceClass: string): Settings['task'] {
  const cpu = Number(read.choice('taskCpu', Object.keys(FARGATE_MEMORY)));
  const sold = FARGATE_MEMORY[cpu]!;
  const memory = read.integer('taskMemory', sold.least, sold.most);
  const needed = neededMemoryMib(workers);
  if (memory % sold.step > 0) read.fault(`taskMemory is ${memory}: with a taskCpu of ${cpu}, Fargate takes multiples of ${sold.step}.`);
  if (memory < needed) read.fault(`taskMemory is ${memory}: ${workers} workers need ${needed}; give more memory or fewer workers.`);
  const count = read.integer('taskCount', 0, 20);
  const most = mostTasks(instanceClass);
  if (count > most) {
    read.fault(
      `taskCount is ${count}: a ${instanceClass} has connections for ${most}; give databaseInstanceClass a larger one, or fewer tasks.`,
    );
  }
  return { cpu, memory, count };
}

function readSecrets(read: ConfigReader): Settings['secrets'] {
  const numbers = (key: string): number[] => read.list(key, 'numbers from 1', /^[1-9]\d{0,3}$/, 1).map(Number);
  return {
    salesforceApps: read.secret('salesforceApps', 'JSON of login host → {"client_id", "client_secret"}', isSalesforceApps),
    apiKeys: read.list('apiKeys', 'name:role:sha256 of each key', /^[\w.-]+:(read|data|operate|admin|tick):[0-9a-f]{64}$/),
    tickKeys: numbers('tickKeys'),
    tokenKeys: numbers('tokenKeys'),
  };
}

function readDatabase(read: ConfigReader): Settings['database'] {
  return {
    instanceClass: read.text('databaseInstanceClass', 'an RDS class, such as db.t4g.small', /^db\.[a-z0-9]+\.[a-z0-9]+$/),
    multiZone: read.flag('databaseMultiZone'),
    backupDays: read.integer('databaseBackupDays', 1, 35),
    storageGib: read.integer('databaseStorageGib', 20, 1024),
    lastSnapshot: read.flag('databaseLastSnapshot'),
    snapshot: read.optionalText(
      'databaseSnapshot',
      "a snapshot's name, such as sync-production-last-0a1b2c3d",
      /^(rds:)?[A-Za-z][A-Za-z0-9-]{0,254}$/,
    ),
  };
}

function readGoogle(read: ConfigReader): Settings['google'] {
  const datasets = read.list('datasets', 'names of letters, digits and _', /^[A-Za-z0-9_]{1,128}$/, 1);
  const stagingDataset = read.text('stagingDataset', 'a name of letters, digits and _', /^[A-Za-z0-9_]{1,128}$/);
  // Its tables expire, and those of a target must not.
  if (datasets.includes(stagingDataset)) read.fault(`stagingDataset is ${stagingDataset}, which is a target too: use another name.`);
  return {
    project: read.text('gcp:project', 'the Google Cloud project that pays', /^[a-z][a-z0-9-]{4,28}[a-z0-9]$/),
    location: read.text('bigqueryLocation', 'a location, such as EU or europe-north1', /^(US|EU|[a-z]+-[a-z]+\d+)$/),
    datasets,
    stagingDataset,
    readers: read.list(
      'datasetReaders',
      'user:, group:, serviceAccount: or domain: and a name',
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
