import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { CHUNK_BYTES } from '../../app/bigquery/load/chunk-writer.ts';
import { LIMITS } from '../../app/core/connections/limits.ts';
import { openDatabase } from '../../app/store/database.ts';
import { BATCH_BYTES } from '../../app/sync/extract/via-rest.ts';
import { readSettings, type Settings } from '../../infra/config.ts';
import { CONNECTIONS_PER_TASK, connectionsOf, maxConnections, maxTasks } from '../../infra/service/max-tasks.ts';
import { BATCH_MIB, CHUNK_MIB, requiredMemoryMib, UPLOADS } from '../../infra/service/task-memory.ts';
import {
  EXAMPLE,
  type FlatConfig,
  flatten,
  project,
  readStackFile,
  SALESFORCE_SECRET,
  type StackName,
  secretKeys,
  stackConfig,
} from './support/stack-config.ts';

function read(config: FlatConfig, stack = 'dev', keysRead: string[] = [], encrypted = secretKeys): Settings {
  return readSettings({
    stack,
    project: project.name,
    keys: Object.keys(config),
    own: (key) => {
      keysRead.push(key);
      return config[`${project.name}:${key}`];
    },
    provider: (key) => config[key],
    isEncrypted: (key) => encrypted.includes(`${project.name}:${key}`),
  });
}

const ranges = (count: number): string[] => Array.from({ length: count }, (_, index) => `10.0.${index % 256}.${index >> 8}/32`);

/** The faults that the error lists. */
function faults(config: FlatConfig, stack = 'dev', encrypted = secretKeys): string[] {
  try {
    read(config, stack, [], encrypted);
    return [];
  } catch (error) {
    return (error as Error).message.split('\n- ').slice(1);
  }
}

describe('the stack configuration', () => {
  test.each<StackName>(['dev', 'production'])('is complete for %s once the values that its file lists are set', (stack) => {
    expect(faults(stackConfig(stack), stack)).toEqual([]);
  });

  test('needs no domain without a load balancer', () => {
    const changes = { loadBalancer: false, domainName: '', hostedZoneId: '' };
    expect(read(stackConfig('dev', changes)).ingress).toBeUndefined();
    expect(faults(stackConfig('dev', { ...changes, loadBalancer: true })).map((fault) => fault.split(' ')[0])).toEqual([
      'domainName',
      'hostedZoneId',
    ]);
  });

  test('lets dev and production share a Google project: they have no dataset in common', () => {
    const datasets = (stack: StackName): string[] => {
      const { google } = read(stackConfig(stack), stack);
      return [...google.datasets, google.stagingDataset];
    };
    expect(datasets('dev').filter((name) => datasets('production').includes(name))).toEqual([]);
  });

  test('reads exactly the keys that Pulumi.yaml declares', () => {
    const keysRead: string[] = [];
    read(stackConfig('dev'), 'dev', keysRead);
    expect([...new Set(keysRead)].filter((key) => !key.includes(':')).sort()).toEqual(Object.keys(project.config).sort());
  });

  test.each(['Pulumi.dev.yaml', EXAMPLE])('has only declared keys in %s', (file) => {
    const own = Object.keys(readStackFile(file)).filter((key) => !key.includes(':'));
    expect(own.filter((key) => !(key in project.config))).toEqual([]);
  });

  test("reports each placeholder and missing secret in production's unmodified example, all at once", () => {
    const reported = faults(flatten(readStackFile(EXAMPLE)), 'production').map((fault) => fault.split(' ')[0]);
    expect(reported.sort()).toEqual(
      [
        'alarmEmails',
        'allowedCidrs',
        'apiKeys',
        'aws:allowedAccountIds',
        'datasetReaders',
        'domainName',
        'gcp:project',
        'hostedZoneId',
        'salesforceApps',
      ].sort(),
    );
  });

  test("reports in dev's unmodified file exactly what its comment lists to set", () => {
    const reported = faults(flatten(readStackFile('Pulumi.dev.yaml'))).map((fault) => fault.split(' ')[0]);
    expect(reported.sort()).toEqual(['alarmEmails', 'domainName', 'gcp:project', 'hostedZoneId', 'salesforceApps'].sort());
  });

  test('leaves it to the program to report what is missing, because Pulumi would report its own finds first and alone', () => {
    expect(Object.entries(project.config).filter(([, { default: value }]) => value === undefined)).toEqual([]);
    // Pulumi rejects a stack without a secret that has a default, even an empty one.
    expect(Object.entries(project.config).filter(([, { secret }]) => secret)).toEqual([]);
  });

  test('accepts secrets only encrypted', () => {
    const config = stackConfig('dev', { alertWebhookUrl: 'https://hooks.acme.test' });
    expect(faults(config, 'dev', [])).toEqual([
      'salesforceApps is not encrypted. Set it again with `npm run pulumi -- config set --secret salesforceApps`.',
      'alertWebhookUrl is not encrypted. Set it again with `npm run pulumi -- config set --secret alertWebhookUrl`.',
    ]);
  });

  test("keeps an operator's values out of the repository: of the stacks' files, git sees only Pulumi.dev.yaml", () => {
    const rules = readFileSync('.gitignore', 'utf8').split('\n');
    expect(rules.filter((rule) => /^!?\/Pulumi/.test(rule))).toEqual(['/Pulumi.*.yaml', '!/Pulumi.dev.yaml']);
  });

  test.each([
    ['a flag other than true and false', { scheduleEnabled: 'yes' }, 'scheduleEnabled is "yes". Set it to one of: false, true.'],
    [
      'an image by tag, which can move',
      { imageUri: 'acme/sync:latest' },
      'imageUri is "acme/sync:latest". Set it to an image with its digest: name@sha256:….',
    ],
    [
      'memory that Fargate does not offer',
      { taskCpu: 256, taskMemory: 1000 },
      'taskMemory is 1000. For taskCpu 256, Fargate requires a multiple of 512.',
    ],
    ['too many workers for the memory', { workers: 8 }, 'taskMemory is 1024, but 8 workers need 1344. Raise it or lower workers.'],
    ['a zone of another region', { availabilityZones: ['eu-north-1a', 'eu-west-1a'] }, 'availabilityZones contains "eu-west-1a"'],
    [
      'a single zone, because the database needs two',
      { availabilityZones: ['eu-north-1a'] },
      'availabilityZones has too few entries: 1, minimum 2. Each entry must be a zone of eu-north-1.',
    ],
    [
      'a target that is also the staging dataset',
      { datasets: ['salesforce_dev_staging'] },
      'stagingDataset is salesforce_dev_staging, which is also listed in datasets. Use a different name.',
    ],
    ['a key instead of its hash', { apiKeys: ['console:operate:hunter2'] }, 'apiKeys contains "console:operate:hunter2"'],
    ['a reader of an unknown kind', { datasetReaders: ['analysts@acme.test'] }, 'datasetReaders contains "analysts@acme.test"'],
    ['a log retention that CloudWatch does not support', { logRetentionDays: 15 }, 'logRetentionDays is "15"'],
    ['a share above 1', { apiShare: '1.5' }, 'apiShare is "1.5". Set it to a number between 0.01 and 1.'],
    ['an unknown kind of upload', { bigqueryUpload: 'media' }, 'bigqueryUpload is "media". Set it to resumable or multipart.'],
    [
      'a snapshot by its ARN',
      { databaseSnapshot: 'arn:aws:rds:eu-north-1:1:snapshot:a' },
      'Set it to the name of a snapshot, for example sync-production-last-',
    ],
    [
      'alarms without a recipient',
      { alarmEmails: [] },
      'alarmEmails has too few entries: 0, minimum 1. Each entry must be an email address.',
    ],
    [
      'a text instead of a list',
      { allowedCidrs: '198.51.100.7/32' },
      "allowedCidrs is not a list. Set entries with `pulumi config set --path 'allowedCidrs[0]' …`, or edit the stack's file.",
    ],
    [
      'an invalid address',
      { allowedCidrs: ['198.51.256.7/32'] },
      'allowedCidrs contains "198.51.256.7/32". Each entry must be an IPv4 range',
    ],
    [
      'an invalid prefix',
      { allowedCidrs: ['198.51.100.7/33'] },
      'allowedCidrs contains "198.51.100.7/33". Each entry must be an IPv4 range',
    ],
    [
      "an address with a range's prefix, which would allow the whole range",
      { allowedCidrs: ['198.51.100.7/24'] },
      'allowedCidrs contains "198.51.100.7/24", an address with the prefix of a range. Use 198.51.100.0/24 or 198.51.100.7/32.',
    ],
    [
      'more ranges than a load balancer supports',
      { allowedCidrs: ranges(289) },
      'has 289 ranges, but a load balancer supports 288. Merge some',
    ],
    [
      'a duplicate range',
      { allowedCidrs: ['198.51.100.7/32', '198.51.100.7/32'] },
      'allowedCidrs contains a duplicate. List each entry once.',
    ],
    ['a public network range', { vpcCidr: '11.0.0.0/16' }, 'vpcCidr is "11.0.0.0/16". Set it to a private /16 range'],
    ['an invalid network range', { vpcCidr: '10.256.0.0/16' }, 'vpcCidr is "10.256.0.0/16". Set it to a private /16 range'],
    [
      'more zones than there are address blocks for',
      { availabilityZones: ['a', 'b', 'c', 'd', 'e'].map((zone) => `eu-north-1${zone}`) },
      'more than four zones. Remove zones',
    ],
    [
      'memory that is not a number, in a single fault',
      { taskMemory: 'much' },
      'taskMemory is "much". Set it to an integer between 1024 and 4096.',
    ],
    [
      'more tasks than the database has connections for',
      { taskCount: 4 },
      'taskCount is 4, but db.t4g.micro has connections for 3. Lower it or set databaseInstanceClass to a larger class.',
    ],
    [
      'another form of account',
      { 'aws:allowedAccountIds': ['<account>'] },
      'aws:allowedAccountIds contains "<account>". Each entry must be the ID',
    ],
    [
      'more tasks by auto scaling than the database has connections for',
      { maxTaskCount: 4 },
      'maxTaskCount is 4, but db.t4g.micro has connections for 3. Lower it or',
    ],
    ['a maximum of tasks below their number', { taskCount: 3, maxTaskCount: 2 }, 'maxTaskCount is 2, less than taskCount 3. Raise it'],
    ['a missing token key', { tokenKeys: [] }, 'tokenKeys has too few entries: 0, minimum 1.'],
  ])('rejects %s', (_, changes, sentence) => {
    const [fault, ...others] = faults(stackConfig('dev', changes));
    expect(fault).toContain(sentence);
    expect(others).toEqual([]);
  });

  test.each(['cn-north-1', 'us-gov-west-1', 'eu-north'])('rejects the region %s, which is unknown or in another partition', (region) => {
    const zones = { availabilityZones: [`${region}a`, `${region}b`] };
    expect(faults(stackConfig('dev', { 'aws:region': region, ...zones }))).toEqual([
      `aws:region is "${region}". Set it to a region outside China and GovCloud, for example eu-north-1.`,
    ]);
  });

  test('reports a missing or invalid region once, not for each zone as well', () => {
    const fix = 'Set it to a region outside China and GovCloud, for example eu-north-1.';
    expect(faults(stackConfig('dev', { 'aws:region': '' }))).toEqual([`aws:region is not set. ${fix}`]);
    expect(faults(stackConfig('dev', { 'aws:region': '(eu)' }))).toEqual([`aws:region is "(eu)". ${fix}`]);
  });

  test.each([
    ['of a provider or of Pulumi', { 'aws:allowedAccountIds': ['123456789012'], 'gcp:region': 'europe-north1', 'pulumi:tags': {} }],
    ['that Pulumi.yaml declares, even if empty', { imageUri: '' }],
  ])('accepts keys %s', (_, changes) => {
    expect(faults(stackConfig('dev', changes))).toEqual([]);
  });

  test('refuses unknown keys, which would have no effect, and names the key that is probably meant', () => {
    const config = stackConfig('dev', { TaskCount: 3, webhookUrl: 'https://hooks.acme.test', 'aws-native:region': 'eu-north-1' });
    expect(faults(config)).toEqual([
      'TaskCount is not a configuration key. Did you mean taskCount? Remove it with `npm run pulumi -- config rm TaskCount`.',
      'webhookUrl is not a configuration key; Pulumi.yaml lists them. Remove it with `npm run pulumi -- config rm webhookUrl`.',
      'aws-native:region is not a configuration key; Pulumi.yaml lists them. Remove it with `npm run pulumi -- config rm aws-native:region`.',
    ]);
  });

  test('accepts every valid address range', () => {
    const allowedCidrs = ['0.0.0.0/0', '128.0.0.0/1', '203.0.112.0/22', '255.255.255.255/32', ...ranges(284)];
    expect(read(stackConfig('dev', { allowedCidrs })).ingress?.allowedCidrs).toEqual(allowedCidrs);
    for (const vpcCidr of ['10.0.0.0/16', '10.255.0.0/16', '172.16.0.0/16', '172.31.0.0/16', '192.168.0.0/16']) {
      expect(faults(stackConfig('dev', { vpcCidr }))).toEqual([]);
    }
  });

  test.each(['sync_dev', 'a-very-long-stack-name', 'Dev', 'dev-', '-dev', 'my--dev', '2nd'])(
    'rejects a stack named %s, which cannot be part of role and account names',
    (stack) => {
      const fix = 'Use 1 to 12 characters: a-z, 0-9 and single hyphens in between, starting with a letter.';
      expect(faults(stackConfig('dev'), stack)).toEqual([`The stack name ${stack} is not supported. ${fix}`]);
    },
  );

  test('reports an invalid secret without showing it', () => {
    const [fault] = faults(stackConfig('dev', { salesforceApps: `{"acme.example.com": {"client_secret": "${SALESFORCE_SECRET}"}}` }));
    expect(fault).toMatch(/^salesforceApps is invalid\. Set it to JSON of the form/);
    expect(fault).not.toContain(SALESFORCE_SECRET);
  });
});

describe("a task's connections", () => {
  test("are as many as the app's pool opens", () => {
    const pool = openDatabase({ url: 'postgres://localhost/none' }, () => {});
    expect(pool.options.max).toBe(CONNECTIONS_PER_TASK);
  });

  test.each(['db.t4g.micro', 'db.t4g.small', 'db.m6g.medium', 'db.r8g.large'])(
    'fit into %s, for all tasks of a deployment',
    (instanceClass) => {
      const tasks = maxTasks(instanceClass);
      expect(connectionsOf(tasks)).toBeLessThanOrEqual(maxConnections(instanceClass));
      if (tasks < 20) expect(connectionsOf(tasks + 1)).toBeGreaterThan(maxConnections(instanceClass));
      const page = readFileSync('infra/LIMITS.md', 'utf8');
      expect(page).toMatch(
        new RegExp(`^\\| .*${instanceClass.split('.').at(-1)}.* \\| (from )?${maxConnections(instanceClass)} \\| ${tasks} \\|$`, 'm'),
      );
    },
  );

  test('limit the number of tasks, as Pulumi.yaml documents', () => {
    const limits = ['db.t4g.micro', 'db.t4g.small', 'db.m6g.medium', 'db.r8g.large'].map(maxTasks);
    expect(limits).toEqual([3, 7, 16, 20]);
    const [micro, small, medium, larger] = limits;
    expect(project.config.taskCount).toMatchObject({
      description: expect.stringContaining(
        `is ${micro} with a micro database, ${small} with a small one, ${medium} with a medium one, otherwise ${larger}`,
      ),
    });
  });
});

describe("a task's memory", () => {
  test("is calculated with the app's number of concurrent uploads and its buffers for each", () => {
    expect(UPLOADS).toBe(LIMITS.uploads);
    expect(CHUNK_MIB * 1024 * 1024).toBe(CHUNK_BYTES);
    expect(BATCH_MIB * 1024 * 1024).toBe(BATCH_BYTES);
    expect(requiredMemoryMib(1)).toBeGreaterThan(UPLOADS * (CHUNK_MIB + BATCH_MIB));
  });

  test('is documented as it is calculated', () => {
    const [fixed, each] = [requiredMemoryMib(0), requiredMemoryMib(1) - requiredMemoryMib(0)];
    expect(readFileSync('Pulumi.yaml', 'utf8')).toContain(`at least ${fixed} plus ${each} for each worker`);
    expect(readFileSync('infra/README.md', 'utf8')).toContain(`at least ${fixed} MB + ${each} MB × \`workers\``);
  });
});
