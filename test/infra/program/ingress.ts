import { beforeAll, describe, expect, test } from '@jest/globals';
import { MAX_RANGES } from '../../../infra/network/allowed-ranges.ts';
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

/** What the load balancer's rules do with a request: `forward`, or the status of a fixed response. */
function route(run: ProgramRun, request: Request): string {
  const rules = run.all(RULE).map(({ inputs }) => inputs as unknown as Rule);
  const fallback = run.one('aws:lb/listener:Listener', '-https').inputs as unknown as { defaultActions: Rule['actions'] };
  const matching = rules
    .sort((one, other) => one.priority - other.priority)
    .find((rule) => rule.conditions.every((one) => matches(one, request)));
  const [action] = matching?.actions ?? fallback.defaultActions;
  return action?.fixedResponse?.statusCode ?? action?.type ?? 'nothing';
}

function matches(condition: Rule['conditions'][number], { host, path, method, from }: Request): boolean {
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
])('the load balancer of %s', (stack, host, allowedAddress) => {
  let run: ProgramRun;
  beforeAll(async () => {
    run = await runProgram(stack);
  });
  const otherAddress = '192.0.2.66';
  const send = (changes: Partial<Request>): string =>
    route(run, { host, path: '/create_importing_job', method: 'POST', from: allowedAddress, ...changes });

  test("forwards from any address only the schedule's POST and the pages of logins, under the domain name", () => {
    expect(send({ from: otherAddress, path: '/handle_importing_job' })).toBe('forward');
    expect(send({ from: otherAddress, path: '/handle_importing_job', method: 'GET' })).toBe('404');
    expect(send({ from: otherAddress, path: '/handle_importing_job', host: '203.0.113.99' })).toBe('404');
    const anywhere = { from: otherAddress };
    for (const [method, path] of [
      ['GET', '/oauth/callback'],
      ['GET', '/connect/token'],
      ['POST', '/connect/token'],
      ['GET', '/connect/done/0d3f7c1e-5b0a-4c57-9a43-2f6b1f0e7d11'],
    ] as const) {
      expect(send({ ...anywhere, method, path })).toBe('forward');
      expect(send({ ...anywhere, method, path, host: '203.0.113.99' })).toBe('404');
    }
    for (const path of ['/create_importing_job', '/jobs', '/healthz', '/', '/handle_importing_job/x', '/v1/connect-links', '/connect']) {
      for (const method of ['GET', 'POST']) expect(send({ ...anywhere, path, method })).toBe('404');
    }
    for (const path of ['/oauth/callback/x', '/oauth/start', '/login_oauth_callback'])
      expect(send({ ...anywhere, path, method: 'GET' })).toBe('404');
    expect(send({ ...anywhere, path: '/oauth/callback', method: 'POST' })).toBe('404');
    for (const method of ['PUT', 'DELETE', 'HEAD']) expect(send({ ...anywhere, path: '/connect/token', method })).toBe('404');
    expect(run.outputs.callbackUrl).toBe(`https://${host}/oauth/callback`);
  });

  test('forwards the whole API from allowed addresses, only under the domain name', () => {
    for (const path of ['/create_importing_job', '/jobs', '/login/callback', '/']) expect(send({ path })).toBe('forward');
    expect(send({ path: '/handle_importing_job', method: 'GET' })).toBe('forward');
    expect(send({ host: 'sync.example.org' })).toBe('404');
  });

  test('forwards internal paths from no address', () => {
    for (const path of ['/readyz', '/readyz/', '/metrics', '/metrics/x']) expect(send({ path })).toBe('404');
  });

  test("has at most three values per condition and five per rule, which is AWS's limit", () => {
    for (const { inputs } of run.all(RULE)) {
      const { conditions } = inputs as unknown as Rule;
      const values = conditions.flatMap((condition) => Object.values(condition).map((part) => part.values.length));
      expect(Math.max(...values)).toBeLessThanOrEqual(3);
      expect(values.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(5);
    }
  });

  test('requires TLS 1.2 or newer, uses an issued certificate, and redirects HTTP to HTTPS', () => {
    const https = run.one('aws:lb/listener:Listener', '-https').inputs;
    // The policies that AWS recommends: "Security policies" in the Application Load Balancer guide.
    const recommended = ['ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09', 'ELBSecurityPolicy-TLS13-1-2-Res-FIPS-PQ-2025-09'];
    expect(https).toMatchObject({ port: 443, protocol: 'HTTPS' });
    expect(recommended).toContain(https.sslPolicy);
    expect(https.certificateArn).toBe(run.one('aws:acm/certificateValidation:CertificateValidation').inputs.certificateArn);
    expect(run.one('aws:lb/listener:Listener', '-http').inputs.defaultActions).toEqual([
      { type: 'redirect', redirect: { port: '443', protocol: 'HTTPS', statusCode: 'HTTP_301' } },
    ]);
  });

  test('is internet-facing, and the domain points at it', () => {
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
      ...(stack === 'production' && {
        accessLogs: { bucket: 'sync-production-traffic-logs-0123456', prefix: 'load-balancer', enabled: true },
      }),
    });
    expect(run.one('aws:route53/record:Record', `sync-${stack}`).inputs).toMatchObject({
      name: host,
      type: 'A',
      aliases: [{ name: `sync-${stack}-0123456.eu-north-1.elb.amazonaws.com`, zoneId: 'Z23TAZ6LKFMNIO' }],
    });
  });
});

test("the load balancer checks a task's health on the app's port, and drains a stopping task for a minute", async () => {
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

test('the maximum number of allowed ranges fits the maximum number of listener rules', async () => {
  const allowedCidrs = Array.from({ length: MAX_RANGES }, (_, index) => `10.0.${index >> 8}.${index % 256}/32`);
  const run = await runProgram('dev', { changes: { allowedCidrs } });
  expect(run.all(RULE)).toHaveLength(100);
  const from = (address: string) => route(run, { host: 'sync-dev.acme.test', path: '/jobs', method: 'GET', from: address });
  expect(from('10.0.1.31')).toBe('forward');
  expect(from('10.0.1.32')).toBe('404');
});

test('a stack without allowed ranges accepts only the schedule and logins', async () => {
  const run = await runProgram('dev', { changes: { allowedCidrs: [] } });
  expect(run.all(RULE).map(({ name }) => name.replace('sync-dev-', ''))).toEqual(['closed', 'tick', 'callback', 'connect']);
});
