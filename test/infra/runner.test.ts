import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { type EngineRun, type Registration, runByEngine } from './support/engine.ts';
import { conceal } from './support/secret-mark.ts';
import { SALESFORCE_SECRET, type StackName, stackConfig } from './support/stack-config.ts';

const STACK = 'pulumi:pulumi:Stack';

/** How Pulumi writes, in a preview, what only the cloud will know. */
const UNKNOWN = '04da6b54-80e4-46f7-96ec-b56ff0331ba9';

function one(run: EngineRun, type: string, part = ''): Registration {
  const found = run.registrations.filter((one) => one.type === type && one.name.endsWith(part));
  if (found.length !== 1) throw new Error(`there are ${found.length} of ${type} ${part}`);
  return found[0]!;
}

/** A process of its own loads all of Pulumi: some seconds, and more on a machine that is busy. */
const BUSY_MS = 120_000;

const names = (registrations: Registration[]): string[] =>
  registrations.map(({ type, name }) => `${type.split(':').at(-1)} ${name}`).sort();

describe.each<[StackName, 'preview' | 'update']>([
  ['dev', 'preview'],
  ['dev', 'update'],
  ['production', 'preview'],
  ['production', 'update'],
])("%s, run by Pulumi's own runner: %s", (stack, kind) => {
  let run: EngineRun;
  beforeAll(async () => {
    run = await runByEngine(stack, stackConfig(stack), kind === 'preview');
  }, BUSY_MS);

  test('runs to its end, from Pulumi.yaml, without a word', () => {
    expect({ exitCode: run.exitCode, text: run.text }).toEqual({ exitCode: 0, text: '' });
    expect(run.registrations.length).toBeGreaterThan(70);
  });

  test('has every resource in a part of the stack, and the parts in the stack', () => {
    const parts = run.registrations.filter(({ type }) => type.startsWith('sync:infra:'));
    expect(parts.every(({ parent }) => parent.includes(STACK))).toBe(true);
    expect(parts.map(({ type }) => type.split(':')[2]).sort()).toEqual(
      [
        'Database',
        'Encryption',
        'Image',
        'Ingress',
        'Network',
        'Observability',
        'Roles',
        'Schedule',
        'Secrets',
        'Service',
        'Warehouse',
      ].sort(),
    );
    const others = run.registrations.filter(({ type }) => type !== STACK && !type.startsWith('sync:infra:'));
    expect(others.filter(({ parent }) => !parent.includes('sync:infra:'))).toEqual([]);
  });

  test('gives no two resources of a kind the same name', () => {
    const urns = run.registrations.map(({ urn }) => urn);
    expect(urns.filter((urn, index) => urns.indexOf(urn) !== index)).toEqual([]);
  });

  test('starts the service when it can be reached, and ticks when it answers', () => {
    const waitsFor = (registration: Registration): string[] =>
      registration.dependencies.map((urn) =>
        urn
          .split('::')
          .slice(2)
          .join(' ')
          .replace(/^.*:(\w+) /, '$1 '),
      );
    const service = one(run, 'aws:ecs/service:Service');
    expect(waitsFor(service)).toEqual(
      expect.arrayContaining([
        `Vpc sync-${stack}`,
        `Listener sync-${stack}-https`,
        `ListenerRule sync-${stack}-tick`,
        `SecurityGroupEgressRule sync-${stack}-app-to-internet`,
        `SecurityGroupIngressRule sync-${stack}-database-from-app`,
        `RolePolicy sync-${stack}-execution`,
        `RolePolicy sync-${stack}-task`,
      ]),
    );
    // What the first run would be refused without, at Google.
    expect(waitsFor(one(run, 'aws:ecs/taskDefinition:TaskDefinition'))).toEqual(
      expect.arrayContaining([
        `IAMMember sync-${stack}`,
        `IAMMember sync-${stack}-jobs`,
        `Dataset sync-${stack}-salesforce${stack === 'dev' ? '_dev' : ''}`,
        `Dataset sync-${stack}-salesforce${stack === 'dev' ? '_dev' : ''}_staging`,
      ]),
    );
    expect(waitsFor(one(run, 'aws:cloudwatch/eventRule:EventRule'))).toEqual(
      expect.arrayContaining([`Service sync-${stack}`, `Record sync-${stack}`]),
    );
    expect(waitsFor(one(run, 'aws:cloudwatch/eventConnection:EventConnection'))).toContain(`Service sync-${stack}`);
  });

  test('protects what holds data or keys in production, and nothing in dev', () => {
    const kept = [
      'Dataset sync-production-salesforce',
      'Dataset sync-production-salesforce_staging',
      'Instance sync-production',
      'Key sync-production',
      'LoadBalancer sync-production',
      'RandomBytes sync-production-token-key-1',
      'Secret sync-production-api-keys',
      'Secret sync-production-salesforce-apps',
      'Secret sync-production-token-keys',
    ];
    expect(names(run.registrations.filter(({ protect }) => protect))).toEqual(stack === 'production' ? kept : []);
  });

  test('leaves behind what would be missed: old secret versions, built images, the key of the last snapshot, and the pool whose name stays blocked', () => {
    const left = names(run.registrations.filter(({ retainOnDelete }) => retainOnDelete));
    expect(left).toEqual([
      // The build within it is the plugin's to make: Pulumi's engine gives it what its parent has, unless it says otherwise.
      ...(stack === 'dev' ? ['Image sync-dev'] : []),
      // What the database leaves is encrypted with it.
      ...(stack === 'production' ? ['Key sync-production'] : []),
      ...['api-keys', 'salesforce-apps', 'token-keys'].map((part) => `SecretVersion sync-${stack}-${part}`),
      `WorkloadIdentityPool sync-${stack}`,
      `WorkloadIdentityPoolProvider sync-${stack}`,
    ]);
  });

  test('never makes a token key anew', () => {
    expect(one(run, 'random:index/randomBytes:RandomBytes', 'token-key-1').ignoreChanges).toEqual(['length', 'keepers']);
  });

  test('marks every secret as one, and tells none', () => {
    expect(one(run, 'aws:cloudwatch/eventConnection:EventConnection').additionalSecretOutputs).toContain('authParameters');
    const open = JSON.stringify([run.registrations.map(({ inputs }) => conceal(inputs)), run.outputs]);
    const keys = ['token-key-1', 'tick-key-1'].map((part) => createHash('sha256').update(`sync-${stack}-${part}-0123456`).digest());
    const secrets = [SALESFORCE_SECRET, ...keys.flatMap((key) => [key.toString('hex'), key.toString('base64')])];
    expect(secrets.filter((secret) => open.includes(secret))).toEqual([]);
    expect(JSON.stringify(run.registrations)).toContain(SALESFORCE_SECRET);
    // One secret in it would make all of it secret, and nobody could read what an update changes.
    const { containerDefinitions } = one(run, 'aws:ecs/taskDefinition:TaskDefinition').inputs;
    expect(containerDefinitions).toEqual(kind === 'preview' ? UNKNOWN : expect.stringContaining('"name":"PGHOST"'));
  });

  test('tells what operating the stack needs', () => {
    expect(Object.keys(run.outputs)).toEqual(
      expect.arrayContaining(['region', 'url', 'cluster', 'taskDefinition', 'scheduleRule', 'alarmTopic']),
    );
    if (kind === 'update')
      expect(run.outputs).toMatchObject({ region: 'eu-north-1', taskDefinition: expect.stringMatching(/^arn:aws:ecs:/) });
  });

  test('leaves to a plugin only the network and the build of the image', () => {
    const remote = names(run.registrations.filter((one) => one.remote));
    expect(remote).toEqual(stack === 'production' ? ['Vpc sync-production'] : ['Image sync-dev', 'Vpc sync-dev']);
  });
});

test(
  'a configuration with faults stops the run before any resource, and says all of them',
  async () => {
    const run = await runByEngine('dev', stackConfig('dev', { domainName: '<sync.example.com>', alarmEmails: [] }), true);
    expect(run.exitCode).not.toBe(0);
    expect(run.text).toContain('- domainName is "<sync.example.com>": give it a host name in the hosted zone.');
    expect(run.text).toContain('- alarmEmails has 0 of at least 1: give it mail addresses.');
    expect(run.registrations.filter(({ type }) => type !== STACK)).toEqual([]);
  },
  BUSY_MS,
);
