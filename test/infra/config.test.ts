import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { CHUNK_BYTES } from '../../app/bigquery/upload.ts';
import { LIMITS } from '../../app/core/limits.ts';
import { openDatabase } from '../../app/store/database.ts';
import { readSettings, type Settings } from '../../infra/config.ts';
import { CONNECTIONS_PER_TASK, mostTasks } from '../../infra/most-tasks.ts';
import { neededMemoryMib, UPLOAD_MIB, UPLOADS } from '../../infra/task-memory.ts';
import {
  type FlatConfig,
  flatten,
  project,
  readStackFile,
  SALESFORCE_SECRET,
  type StackName,
  stackConfig,
} from './support/stack-config.ts';

function read(config: FlatConfig, stack = 'dev', asked: string[] = []): Settings {
  return readSettings({
    stack,
    own: (key) => {
      asked.push(key);
      return config[`${project.name}:${key}`];
    },
    provider: (key) => config[key],
  });
}

const ranges = (count: number): string[] => Array.from({ length: count }, (_, index) => `10.0.${index % 256}.${index >> 8}/32`);

/** Its faults, a sentence each. */
function faults(config: FlatConfig, stack = 'dev'): string[] {
  try {
    read(config, stack);
    return [];
  } catch (error) {
    return (error as Error).message.split('\n- ').slice(1);
  }
}

describe('the configuration of a stack', () => {
  test.each<StackName>(['dev', 'production'])('is complete for %s with what its file says to set', (stack) => {
    expect(faults(stackConfig(stack), stack)).toEqual([]);
  });

  test('of dev and of production can be in one Google project: they have no dataset in common', () => {
    const datasets = (stack: StackName): string[] => {
      const { google } = read(stackConfig(stack), stack);
      return [...google.datasets, google.stagingDataset];
    };
    expect(datasets('dev').filter((name) => datasets('production').includes(name))).toEqual([]);
  });

  test('is read from declared keys only, and every key that Pulumi.yaml declares is read', () => {
    const asked: string[] = [];
    read(stackConfig('dev'), 'dev', asked);
    expect([...new Set(asked)].filter((key) => !key.includes(':')).sort()).toEqual(Object.keys(project.config).sort());
  });

  test.each(['Pulumi.dev.yaml', 'Pulumi.production.example.yaml'])('in %s names only keys that there are', (file) => {
    const own = Object.keys(readStackFile(file)).filter((key) => !key.includes(':'));
    expect(own.filter((key) => !(key in project.config))).toEqual([]);
  });

  test("of production's example, as it is, is refused: each placeholder and missing secret is named, all at once", () => {
    const named = faults(flatten(readStackFile('Pulumi.production.example.yaml')), 'production').map((fault) => fault.split(' ')[0]);
    expect(named.sort()).toEqual(
      ['alarmEmails', 'allowedCidrs', 'apiKeys', 'datasetReaders', 'domainName', 'gcp:project', 'hostedZoneId', 'salesforceApps'].sort(),
    );
  });

  test('of dev, as it is, asks for exactly what its own comment says to set', () => {
    const named = faults(flatten(readStackFile('Pulumi.dev.yaml'))).map((fault) => fault.split(' ')[0]);
    expect(named.sort()).toEqual(['alarmEmails', 'domainName', 'gcp:project', 'hostedZoneId', 'salesforceApps'].sort());
  });

  test.each([
    ['a flag that only looks like one', { scheduleEnabled: 'yes' }, 'scheduleEnabled is "yes": give it one of false, true.'],
    [
      'an image by tag, which may move',
      { imageUri: 'acme/sync:latest' },
      'imageUri is "acme/sync:latest": give it an image by digest, name@sha256:….',
    ],
    ['memory that Fargate does not sell', { taskCpu: 256, taskMemory: 1000 }, 'with a taskCpu of 256, Fargate takes multiples of 512.'],
    ['more workers than the memory holds', { workers: 8 }, '8 workers need 1344; give more memory or fewer workers.'],
    ['a zone of another region', { availabilityZones: ['eu-north-1a', 'eu-west-1a'] }, 'availabilityZones holds "eu-west-1a"'],
    ['one zone, where the database needs two', { availabilityZones: ['eu-north-1a'] }, 'availabilityZones has 1 of at least 2'],
    [
      'a target that is also the staging dataset',
      { datasets: ['salesforce_dev_staging'] },
      'stagingDataset is salesforce_dev_staging, which is a target too',
    ],
    ['a key in place of its hash', { apiKeys: ['console:operate:hunter2'] }, 'apiKeys holds "console:operate:hunter2"'],
    ['a reader of no known kind', { datasetReaders: ['analysts@acme.test'] }, 'datasetReaders holds "analysts@acme.test"'],
    ['a log retention that CloudWatch does not know', { logRetentionDays: 15 }, 'logRetentionDays is "15"'],
    ['a share above the whole', { apiShare: '1.5' }, 'apiShare is no share: give it a number from 0.01 to 1.'],
    ['an upload that there is not', { bigqueryUpload: 'media' }, 'bigqueryUpload is "media": give it resumable or multipart.'],
    [
      'a snapshot by its ARN',
      { databaseSnapshot: 'arn:aws:rds:eu-north-1:1:snapshot:a' },
      "give it a snapshot's name, such as sync-production-last-",
    ],
    ['nobody to be told of alarms', { alarmEmails: [] }, 'alarmEmails has 0 of at least 1'],
    [
      'a text in place of a list',
      { allowedCidrs: '198.51.100.7/32' },
      "allowedCidrs is no list: give it one, by its places (`config set --path 'allowedCidrs[0]' …`) or in the stack's file.",
    ],
    ['an address that there is not', { allowedCidrs: ['198.51.256.7/32'] }, 'allowedCidrs holds "198.51.256.7/32": give it IPv4 ranges'],
    ['a prefix that there is not', { allowedCidrs: ['198.51.100.7/33'] }, 'allowedCidrs holds "198.51.100.7/33": give it IPv4 ranges'],
    [
      'an address with the prefix of a range, which would let in all of it',
      { allowedCidrs: ['198.51.100.7/24'] },
      'allowedCidrs holds "198.51.100.7/24", an address with the prefix of a range: give it 198.51.100.0/24, or 198.51.100.7/32.',
    ],
    ['more ranges than a load balancer takes', { allowedCidrs: ranges(295) }, 'has 295 ranges, and a load balancer takes 294: join some'],
    ['a range twice', { allowedCidrs: ['198.51.100.7/32', '198.51.100.7/32'] }, 'allowedCidrs names something twice: name it once.'],
    ['a network outside of the private ranges', { vpcCidr: '11.0.0.0/16' }, 'vpcCidr is "11.0.0.0/16": give it a private /16'],
    ['a network that there is not', { vpcCidr: '10.256.0.0/16' }, 'vpcCidr is "10.256.0.0/16": give it a private /16'],
    [
      'more zones than there are blocks for',
      { availabilityZones: ['a', 'b', 'c', 'd', 'e'].map((zone) => `eu-north-1${zone}`) },
      'more than four zones: leave out',
    ],
    ['no number at all for the memory, once', { taskMemory: 'much' }, 'taskMemory is "much": give it a whole number from 1024 to 4096.'],
    [
      'more tasks than the database has connections for',
      { taskCount: 4 },
      'taskCount is 4: a db.t4g.micro has connections for 3; give databaseInstanceClass a larger one, or fewer tasks.',
    ],
    ['no key to seal with', { tokenKeys: [] }, 'tokenKeys has 0 of at least 1'],
  ])('refuses %s', (_, changes, sentence) => {
    const [fault, ...others] = faults(stackConfig('dev', changes));
    expect(fault).toContain(sentence);
    expect(others).toEqual([]);
  });

  test.each(['cn-north-1', 'us-gov-west-1', 'eu-north'])('refuses the region %s, of which not all ARNs are as ours', (region) => {
    const zones = { availabilityZones: [`${region}a`, `${region}b`] };
    expect(faults(stackConfig('dev', { 'aws:region': region, ...zones }))).toEqual([
      `aws:region is "${region}": give it a region outside China and GovCloud, such as eu-north-1.`,
    ]);
  });

  test('tells of a region that is missing or none once, and not of each zone too', () => {
    const way = 'give it a region outside China and GovCloud, such as eu-north-1.';
    expect(faults(stackConfig('dev', { 'aws:region': '' }))).toEqual([`aws:region is not set: ${way}`]);
    expect(faults(stackConfig('dev', { 'aws:region': '(eu)' }))).toEqual([`aws:region is "(eu)": ${way}`]);
  });

  test('takes every address range that there is', () => {
    const allowedCidrs = ['0.0.0.0/0', '128.0.0.0/1', '203.0.112.0/22', '255.255.255.255/32', ...ranges(290)];
    expect(read(stackConfig('dev', { allowedCidrs })).ingress.allowedCidrs).toEqual(allowedCidrs);
    for (const vpcCidr of ['10.0.0.0/16', '10.255.0.0/16', '172.16.0.0/16', '172.31.0.0/16', '192.168.0.0/16']) {
      expect(faults(stackConfig('dev', { vpcCidr }))).toEqual([]);
    }
  });

  test.each(['sync_dev', 'a-very-long-stack-name', 'Dev', 'dev-', '-dev', 'my--dev', '2nd'])(
    'refuses a stack named %s, of which no names for roles and accounts can be made',
    (stack) => {
      const way = 'use up to 12 of a-z and 0-9, a letter first, and - only between them.';
      expect(faults(stackConfig('dev'), stack)).toEqual([`The stack is named ${stack}: ${way}`]);
    },
  );

  test('says that a secret is wrong without saying the secret', () => {
    const [fault] = faults(stackConfig('dev', { salesforceApps: `{"acme.example.com": {"client_secret": "${SALESFORCE_SECRET}"}}` }));
    expect(fault).toMatch(/^salesforceApps is not as it should be/);
    expect(fault).not.toContain(SALESFORCE_SECRET);
  });
});

describe("a task's connections", () => {
  test('are as many as the app takes', () => {
    const pool = openDatabase({ url: 'postgres://localhost/none' }, () => {});
    expect(pool.options.max).toBe(CONNECTIONS_PER_TASK);
  });

  test('bound how many tasks there are, as the operator is told', () => {
    const bounds = ['db.t4g.micro', 'db.t4g.small', 'db.m6g.medium', 'db.r8g.large'].map(mostTasks);
    expect(bounds).toEqual([3, 7, 16, 20]);
    const [micro, small, medium, larger] = bounds;
    expect(project.config.taskCount).toMatchObject({
      description: expect.stringContaining(
        `allow ${micro} with a micro, ${small} with a small, ${medium} with a medium class, else ${larger}`,
      ),
    });
  });
});

describe("a task's memory", () => {
  test('is reckoned with as many uploads at a time as the app makes, and with what it holds of each', () => {
    expect(UPLOADS).toBe(LIMITS.uploads);
    expect(UPLOAD_MIB * 1024 * 1024).toBe(2 * CHUNK_BYTES);
  });

  test('is told to the operator as it is reckoned', () => {
    const [fixed, each] = [neededMemoryMib(0), neededMemoryMib(1) - neededMemoryMib(0)];
    expect(readFileSync('Pulumi.yaml', 'utf8')).toContain(`${fixed} and ${each} for each worker are needed`);
    expect(readFileSync('infra/README.md', 'utf8')).toContain(`\`workers\` × ${each} MB + ${fixed} MB at least`);
  });
});
