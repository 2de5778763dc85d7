import { beforeAll, describe, expect, test } from '@jest/globals';
import { MAX_RANGES } from '../../../infra/allowed-ranges.ts';
import { type ProgramRun, runProgram } from '../support/run-program.ts';
import type { StackName } from '../support/stack-config.ts';

interface Request {
  host: string;
  path: string;
  method: string;
  from: string;
}

interface Rule {
  priority: number;
  actions: { type: string; fixedResponse?: { statusCode: string } }[];
  conditions: {
    hostHeader?: { values: string[] };
    pathPattern?: { values: string[] };
    httpRequestMethod?: { values: string[] };
    sourceIp?: { values: string[] };
  }[];
}

const RULE = 'aws:lb/listenerRule:ListenerRule';

/** What the load balancer does with a request, by its rules: forward, or an answer's status. */
function decide(run: ProgramRun, request: Request): string {
  const rules = run.all(RULE).map(({ inputs }) => inputs as unknown as Rule);
  const fallback = run.one('aws:lb/listener:Listener', '-https').inputs as unknown as { defaultActions: Rule['actions'] };
  const fitting = rules
    .sort((one, other) => one.priority - other.priority)
    .find((rule) => rule.conditions.every((one) => fits(one, request)));
  const [action] = fitting?.actions ?? fallback.defaultActions;
  return action?.fixedResponse?.statusCode ?? action?.type ?? 'nothing';
}

function fits(condition: Rule['conditions'][number], { host, path, method, from }: Request): boolean {
  const { hostHeader, pathPattern, httpRequestMethod, sourceIp } = condition;
  return (
    (hostHeader?.values.includes(host) ?? true) &&
    (pathPattern?.values.some((pattern) => new RegExp(`^${pattern.replace('*', '.*')}$`).test(path)) ?? true) &&
    (httpRequestMethod?.values.includes(method) ?? true) &&
    (sourceIp?.values.some((cidr) => inCidr(from, cidr)) ?? true)
  );
}

function inCidr(address: string, cidr: string): boolean {
  const number = (text: string): bigint => text.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n);
  const [base = '', bits = '32'] = cidr.split('/');
  const shift = 32n - BigInt(bits);
  return number(address) >> shift === number(base) >> shift;
}

describe.each<[StackName, string, string]>([
  ['dev', 'sync-dev.acme.test', '198.51.100.7'],
  ['production', 'sync.acme.test', '203.0.113.4'],
])('what the load balancer of %s lets in', (stack, host, ours) => {
  let run: ProgramRun;
  beforeAll(async () => {
    run = await runProgram(stack);
  });
  const stranger = '192.0.2.66';
  const ask = (changes: Partial<Request>): string =>
    decide(run, { host, path: '/create_importing_job', method: 'POST', from: ours, ...changes });

  test("from anywhere: the schedule's POST, under the domain's name, and nothing else", () => {
    expect(ask({ from: stranger, path: '/handle_importing_job' })).toBe('forward');
    expect(ask({ from: stranger, path: '/handle_importing_job', method: 'GET' })).toBe('404');
    expect(ask({ from: stranger, path: '/handle_importing_job', host: '203.0.113.99' })).toBe('404');
    for (const path of ['/create_importing_job', '/jobs', '/healthz', '/', '/handle_importing_job/x']) {
      expect(ask({ from: stranger, path })).toBe('404');
    }
  });

  test("from the allowed addresses: all of the API, under the domain's name alone", () => {
    for (const path of ['/create_importing_job', '/jobs', '/login/callback', '/']) expect(ask({ path })).toBe('forward');
    expect(ask({ path: '/handle_importing_job', method: 'GET' })).toBe('forward');
    expect(ask({ host: 'sync.example.org' })).toBe('404');
  });

  test('from nowhere: what is for inside the network', () => {
    for (const path of ['/readyz', '/readyz/', '/metrics', '/metrics/x']) expect(ask({ path })).toBe('404');
  });

  test('by rules of at most three values a condition and five in all, AWS allows no more', () => {
    for (const { inputs } of run.all(RULE)) {
      const { conditions } = inputs as unknown as Rule;
      const values = conditions.flatMap((condition) => Object.values(condition).map((part) => part.values.length));
      expect(Math.max(...values)).toBeLessThanOrEqual(3);
      expect(values.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(5);
    }
  });

  test('over TLS 1.2 or newer, with a certificate that is issued; HTTP is sent there', () => {
    const https = run.one('aws:lb/listener:Listener', '-https').inputs;
    // Those that AWS recommends: "Security policies" in its guide to Application Load Balancers.
    const recommended = ['ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09', 'ELBSecurityPolicy-TLS13-1-2-Res-FIPS-PQ-2025-09'];
    expect(https).toMatchObject({ port: 443, protocol: 'HTTPS' });
    expect(recommended).toContain(https.sslPolicy);
    expect(https.certificateArn).toBe(run.one('aws:acm/certificateValidation:CertificateValidation').inputs.certificateArn);
    expect(run.one('aws:lb/listener:Listener', '-http').inputs.defaultActions).toEqual([
      { type: 'redirect', redirect: { port: '443', protocol: 'HTTPS', statusCode: 'HTTP_301' } },
    ]);
  });

  test('to the load balancer that the domain points at', () => {
    const balancer = run.one('aws:lb/loadBalancer:LoadBalancer');
    const zones = stack === 'production' ? [1, 2, 3] : [1, 2];
    expect(balancer.inputs).toEqual({
      loadBalancerType: 'application',
      internal: false,
      ipAddressType: 'ipv4',
      securityGroups: [`sync-${stack}-load-balancer-0123456`],
      subnets: zones.map((zone) => `subnet-public-${zone}`),
      dropInvalidHeaderFields: true,
      idleTimeout: 60,
      enableDeletionProtection: stack === 'production',
    });
    expect(run.one('aws:route53/record:Record', `sync-${stack}`).inputs).toMatchObject({
      name: host,
      type: 'A',
      aliases: [{ name: `sync-${stack}-0123456.eu-north-1.elb.amazonaws.com`, zoneId: 'Z23TAZ6LKFMNIO' }],
    });
  });
});

test('a task is asked for its health where it listens, and gets requests until it is told to stop and a while after', async () => {
  const { inputs } = (await runProgram('production')).one('aws:lb/targetGroup:TargetGroup');
  expect(inputs).toEqual({
    vpcId: 'vpc-1',
    targetType: 'ip',
    protocol: 'HTTP',
    port: 4444,
    deregistrationDelay: 60,
    healthCheck: {
      path: '/healthz',
      protocol: 'HTTP',
      matcher: '200',
      interval: 15,
      timeout: 5,
      healthyThreshold: 2,
      unhealthyThreshold: 3,
    },
  });
});

test('as many ranges as the configuration takes make as many rules as a load balancer takes', async () => {
  const allowedCidrs = Array.from({ length: MAX_RANGES }, (_, index) => `10.0.${index >> 8}.${index % 256}/32`);
  const run = await runProgram('dev', { changes: { allowedCidrs } });
  expect(run.all(RULE)).toHaveLength(100);
  const from = (address: string) => decide(run, { host: 'sync-dev.acme.test', path: '/jobs', method: 'GET', from: address });
  expect(from('10.0.1.37')).toBe('forward');
  expect(from('10.0.1.38')).toBe('404');
});

test('a stack without allowed addresses lets in the schedule alone', async () => {
  const run = await runProgram('dev', { changes: { allowedCidrs: [] } });
  expect(run.all(RULE).map(({ name }) => name.replace('sync-dev-', ''))).toEqual(['closed', 'tick']);
});
