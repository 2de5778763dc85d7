import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { certificateHelp } from '../../infra/network/certificate-help.ts';
import { type EngineRun, type Registration, runByEngine } from './support/engine.ts';
import { conceal } from './support/secret-mark.ts';
import { flatten, readStackFile, SALESFORCE_SECRET, type StackName, stackConfig } from './support/stack-config.ts';

const STACK = 'pulumi:pulumi:Stack';

/** How Pulumi marks a value that is unknown in a preview. */
const UNKNOWN = '04da6b54-80e4-46f7-96ec-b56ff0331ba9';

function one(run: EngineRun, type: string, part = ''): Registration {
  const matches = run.registrations.filter((one) => one.type === type && one.name.endsWith(part));
  if (matches.length !== 1) throw new Error(`Expected one ${type} ${part}, found ${matches.length}.`);
  return matches[0]!;
}

/** Each run is a process that loads all of Pulumi: seconds, and longer on a busy machine. */
const TIMEOUT_MS = 120_000;

const names = (registrations: Registration[]): string[] =>
  registrations.map(({ type, name }) => `${type.split(':').at(-1)} ${name}`).sort();

describe.each<[StackName, 'preview' | 'update']>([
  ['dev', 'preview'],
  ['dev', 'update'],
  ['production', 'preview'],
  ['production', 'update'],
])("%s in Pulumi's own runner: %s", (stack, kind) => {
  let run: EngineRun;
  beforeAll(async () => {
    run = await runByEngine(stack, stackConfig(stack), kind === 'preview');
  }, TIMEOUT_MS);

  test('completes as configured in Pulumi.yaml, without output', () => {
    expect({ exitCode: run.exitCode, text: run.text }).toEqual({ exitCode: 0, text: '' });
    expect(run.registrations.length).toBeGreaterThan(70);
  });

  test('puts every resource into a component, and every component into the stack', () => {
    const components = run.registrations.filter(({ type }) => type.startsWith('sync:infra:'));
    expect(components.every(({ parent }) => parent.includes(STACK))).toBe(true);
    expect(components.map(({ type }) => type.split(':')[2]).sort()).toEqual(
      [
        'Database',
        'DatabaseLogins',
        'DeletionLock',
        'Encryption',
        'Image',
        'ImageFindings',
        'Ingress',
        'Network',
        'Observability',
        'Roles',
        'Schedule',
        'Secrets',
        'Service',
        'Warehouse',
        ...(stack === 'production' ? ['Firewall', 'TrafficLogs'] : []),
      ].sort(),
    );
    const others = run.registrations.filter(({ type }) => type !== STACK && !type.startsWith('sync:infra:'));
    expect(others.filter(({ parent }) => !parent.includes('sync:infra:'))).toEqual([]);
  });

  test('gives every resource a unique name within its type', () => {
    const urns = run.registrations.map(({ urn }) => urn);
    expect(urns.filter((urn, index) => urns.indexOf(urn) !== index)).toEqual([]);
  });

  test('starts the service after what it depends on, and the schedule after the service', () => {
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
    // Without these, Google would reject the first run.
    expect(waitsFor(one(run, 'aws:ecs/taskDefinition:TaskDefinition'))).toEqual(
      expect.arrayContaining([
        `IAMMember sync-${stack}`,
        `IAMMember sync-${stack}-jobs`,
        `Dataset sync-${stack}-salesforce${stack === 'dev' ? '_dev' : ''}`,
        `Dataset sync-${stack}-salesforce${stack === 'dev' ? '_dev' : ''}_staging`,
      ]),
    );
    expect(waitsFor(one(run, 'aws:cloudwatch/eventRule:EventRule', stack))).toEqual(
      expect.arrayContaining([`Service sync-${stack}`, `Record sync-${stack}`]),
    );
    // A first deployment takes longer than the alarm on missing reports waits.
    expect(waitsFor(one(run, 'aws:cloudwatch/metricAlarm:MetricAlarm', '-jobs-overdue'))).toContain(`Service sync-${stack}`);
    expect(waitsFor(one(run, 'aws:cloudwatch/eventConnection:EventConnection'))).toContain(`Service sync-${stack}`);
  });

  test('protects what production cannot lose, and nothing in dev', () => {
    const protectedNames = [
      'Alias sync-production',
      'Bucket sync-production-traffic-logs',
      'Dataset sync-production-salesforce',
      'Dataset sync-production-salesforce_staging',
      'Eip sync-production-egress-1',
      'Eip sync-production-egress-2',
      'Eip sync-production-egress-3',
      'EventRule sync-production',
      'EventTarget sync-production',
      'Instance sync-production',
      'Key sync-production',
      'LoadBalancer sync-production',
      'LogGroup sync-production',
      'RandomBytes sync-production-hash-salt',
      'RandomBytes sync-production-token-key-1',
      'RandomId sync-production-deletion-lock',
      'Record sync-production',
      'Record sync-production-certificate',
      'Secret sync-production-api-keys',
      'Secret sync-production-database-owner',
      'Secret sync-production-database-runtime',
      'Secret sync-production-hash-salt',
      'Secret sync-production-salesforce-apps',
      'Secret sync-production-token-keys',
      'Service sync-production',
      'TargetGroup sync-production',
      'Vpc sync-production',
    ];
    expect(names(run.registrations.filter(({ protect }) => protect))).toEqual(stack === 'production' ? protectedNames : []);
  });

  test('deletes nothing before a lock that depends on everything else, which a protected stack refuses to delete', () => {
    const lock = one(run, 'random:index/randomId:RandomId', '-deletion-lock');
    const others = run.registrations.filter(({ type, remote }) => remote || !/^(pulumi:pulumi|sync:infra):/.test(type));
    const first = others.filter(({ urn }) => urn !== lock.urn && !lock.dependencies.includes(urn));
    expect(names(first)).toEqual([]);
    expect(lock.protect).toBe(stack === 'production');
  });

  test('gives up on a certificate after 15 minutes, and then explains how to check the delegation', () => {
    const validation = one(run, 'aws:acm/certificateValidation:CertificateValidation');
    expect(validation).toMatchObject({ createTimeout: '15m', errorHooks: [`sync-${stack}-certificate-not-issued`] });
    expect(certificateHelp('sync.acme.test', 'Z0123')).toMatch(
      /^AWS did not issue the certificate of sync\.acme\.test within 15 minutes.* is delegated: .*get-hosted-zone --id Z0123 .*dig \+short NS/,
    );
  });

  test("retains old secret versions, built images, the last snapshot's key, and Google's identity pool", () => {
    const retained = names(run.registrations.filter(({ retainOnDelete }) => retainOnDelete));
    expect(retained).toEqual([
      // The plugin creates the build inside this component. It inherits the option from its parent unless it sets its own.
      ...(stack === 'dev' ? ['Image sync-dev'] : []),
      // It encrypts what the database leaves behind.
      ...(stack === 'production' ? ['Key sync-production'] : []),
      ...['api-keys', 'database-owner', 'database-runtime', 'hash-salt', 'salesforce-apps', 'token-keys'].map(
        (part) => `SecretVersion sync-${stack}-${part}`,
      ),
      `WorkloadIdentityPool sync-${stack}`,
      `WorkloadIdentityPoolProvider sync-${stack}`,
    ]);
  });

  test.each(['token-key-1', 'hash-salt'])('never regenerates %s', (part) => {
    expect(one(run, 'random:index/randomBytes:RandomBytes', part).ignoreChanges).toEqual(['length', 'keepers']);
  });

  test('marks every secret as secret, and reveals none', () => {
    expect(one(run, 'aws:cloudwatch/eventConnection:EventConnection').additionalSecretOutputs).toContain('authParameters');
    const open = JSON.stringify([run.registrations.map(({ inputs }) => conceal(inputs)), run.outputs]);
    const keys = ['token-key-1', 'tick-key-1', 'hash-salt'].map((part) =>
      createHash('sha256').update(`sync-${stack}-${part}-0123456`).digest(),
    );
    const secrets = [SALESFORCE_SECRET, ...keys.flatMap((key) => [key.toString('hex'), key.toString('base64')])];
    expect(secrets.filter((secret) => open.includes(secret))).toEqual([]);
    expect(JSON.stringify(run.registrations)).toContain(SALESFORCE_SECRET);
    // A single secret in it would make all of it secret, and hide what an update changes.
    const { containerDefinitions } = one(run, 'aws:ecs/taskDefinition:TaskDefinition').inputs;
    expect(containerDefinitions).toEqual(kind === 'preview' ? UNKNOWN : expect.stringContaining('"name":"PGHOST"'));
  });

  test('exports what operating the stack needs', () => {
    expect(Object.keys(run.outputs)).toEqual(
      expect.arrayContaining(['region', 'url', 'cluster', 'taskDefinition', 'scheduleRule', 'alarmTopic', 'findingTopic']),
    );
    if (kind === 'update')
      expect(run.outputs).toMatchObject({
        region: 'eu-north-1',
        taskDefinition: expect.stringMatching(/^arn:aws:ecs:/),
        protect: stack === 'production',
        tickKeys: [1],
        tokenKeys: [1],
      });
  });

  test('delegates only the network and the image build to a plugin', () => {
    const remote = names(run.registrations.filter((one) => one.remote));
    expect(remote).toEqual(stack === 'production' ? ['Vpc sync-production'] : ['Image sync-dev', 'Vpc sync-dev']);
  });
});

test(
  "a preview of the committed file names the operator's own values, all at once, and nothing else",
  async () => {
    const run = await runByEngine('dev', flatten(readStackFile('Pulumi.dev.yaml')), true);
    expect(run.exitCode).not.toBe(0);
    const named = [...run.text.matchAll(/^- (\S+) (?:is not set|has too few entries)/gm)].map(([, key]) => key!);
    expect(named.sort()).toEqual(['alarmEmails', 'domainName', 'gcp:project', 'hostedZoneId', 'salesforceApps']);
    expect(run.text).toContain('has 5 faults');
  },
  TIMEOUT_MS,
);

test(
  'a faulty configuration stops the program before any resource, with all faults',
  async () => {
    const run = await runByEngine('dev', stackConfig('dev', { domainName: '<sync.example.com>', alarmEmails: [] }), true);
    expect(run.exitCode).not.toBe(0);
    expect(run.text).toContain('- domainName is "<sync.example.com>". Set it to a host name in the hosted zone.');
    expect(run.text).toContain('- alarmEmails has too few entries: 0, minimum 1. Each entry must be an email address.');
    expect(run.registrations.filter(({ type }) => type !== STACK)).toEqual([]);
  },
  TIMEOUT_MS,
);
