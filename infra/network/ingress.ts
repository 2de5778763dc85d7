import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import type { IngressSettings, Settings } from '../config.ts';
import { RANGES_PER_RULE } from './allowed-ranges.ts';
import { CERTIFICATE_MINUTES, certificateHelp } from './certificate-help.ts';
import type { Network } from './network.ts';
import { APP_PORT } from './ports.ts';
import type { TrafficLogs } from './traffic-logs.ts';

/** The path the schedule posts to. */
export const TICK_PATH = '/handle_importing_job';

/** Where Salesforce sends browsers back to. */
export const CALLBACK_PATH = '/oauth/callback';

/** Connect links, with which a Salesforce admin connects an org, and the last page of a login. */
const CONNECT_PATHS = '/connect/*';

/** Never reachable from outside: these are for callers inside the network, if the app serves them at all. */
const CLOSED_PATHS = ['/readyz*', '/metrics*'];

interface IngressArgs {
  settings: Settings;
  ingress: IngressSettings;
  network: Network;
  trafficLogs: TrafficLogs | undefined;
}

/** HTTPS under the domain name. The schedule's path and the pages of logins are open to the internet, everything else only to `allowedCidrs`. */
export class Ingress extends pulumi.ComponentResource {
  readonly url: string;
  readonly targetGroup: aws.lb.TargetGroup;
  readonly loadBalancer: aws.lb.LoadBalancer;
  readonly certificateArn: pulumi.Output<string>;
  /** the DNS record that points the domain at the load balancer */
  readonly alias: aws.route53.Record;
  /** listeners and their rules: ECS rejects a target group that no listener uses */
  readonly routes: pulumi.Resource[];

  constructor(args: IngressArgs, options?: pulumi.ComponentResourceOptions) {
    const { settings, ingress, network } = args;
    super('sync:infra:Ingress', settings.name, {}, options);
    this.url = `https://${ingress.domainName}`;
    this.loadBalancer = createLoadBalancer(this, args);
    this.targetGroup = createTargetGroup(this, settings, network);
    this.certificateArn = createCertificate(this, settings, ingress);
    const https = createListeners(this, settings);
    this.routes = [https, ...createRules(this, settings, ingress, https)];
    this.alias = createAlias(this, settings, ingress);
    this.registerOutputs({ url: this.url });
  }
}

function createLoadBalancer(parent: Ingress, { settings: { name, protect }, network, trafficLogs }: IngressArgs): aws.lb.LoadBalancer {
  return new aws.lb.LoadBalancer(
    name,
    {
      loadBalancerType: 'application',
      internal: false,
      ipAddressType: 'ipv4',
      securityGroups: [network.loadBalancerGroup!.id],
      subnets: network.publicSubnetIds,
      dropInvalidHeaderFields: true,
      // Above the app's maximum `wait`, 50 seconds.
      idleTimeout: 60,
      enableDeletionProtection: protect,
      ...(trafficLogs ? { accessLogs: trafficLogs.ofLoadBalancer } : {}),
    },
    { parent, protect },
  );
}

/** Its name is generated: a target group with a fixed name cannot be replaced while a listener uses it. */
function createTargetGroup(parent: Ingress, { name, protect }: Settings, network: Network): aws.lb.TargetGroup {
  return new aws.lb.TargetGroup(
    name,
    {
      vpcId: network.vpcId,
      targetType: 'ip',
      protocol: 'HTTP',
      port: APP_PORT,
      // Long enough for a request with `wait` to finish.
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
    },
    { parent, protect },
  );
}

/** Requests a certificate and validates it by DNS. @returns its ARN, once it is issued */
function createCertificate(parent: Ingress, { name, protect }: Settings, ingress: IngressSettings): pulumi.Output<string> {
  const certificate = new aws.acm.Certificate(name, { domainName: ingress.domainName, validationMethod: 'DNS' }, { parent });
  const validation = certificate.domainValidationOptions.apply((options) => options[0]!);
  const record = new aws.route53.Record(
    `${name}-certificate`,
    {
      zoneId: ingress.hostedZoneId,
      name: validation.resourceRecordName,
      type: validation.resourceRecordType,
      records: [validation.resourceRecordValue],
      ttl: 300,
      // A domain has the same validation record in every stack, so one may already exist.
      allowOverwrite: true,
    },
    { parent, protect },
  );
  const notIssued = new pulumi.ErrorHook(`${name}-certificate-not-issued`, async () => {
    await pulumi.log.error(certificateHelp(ingress.domainName, ingress.hostedZoneId), issued);
    return false;
  });
  const issued: aws.acm.CertificateValidation = new aws.acm.CertificateValidation(
    name,
    { certificateArn: certificate.arn, validationRecordFqdns: [record.fqdn] },
    { parent, customTimeouts: { create: `${CERTIFICATE_MINUTES}m` }, hooks: { onError: [notIssued] } },
  );
  return issued.certificateArn;
}

/** HTTP redirects to HTTPS. @returns the HTTPS listener, which returns 404 unless a rule matches */
function createListeners(parent: Ingress, { name }: Settings): aws.lb.Listener {
  new aws.lb.Listener(
    `${name}-http`,
    {
      loadBalancerArn: parent.loadBalancer.arn,
      port: 80,
      protocol: 'HTTP',
      defaultActions: [{ type: 'redirect', redirect: { port: '443', protocol: 'HTTPS', statusCode: 'HTTP_301' } }],
    },
    { parent },
  );
  return new aws.lb.Listener(
    `${name}-https`,
    {
      loadBalancerArn: parent.loadBalancer.arn,
      port: 443,
      protocol: 'HTTPS',
      // The default would be the policy of 2016, with TLS 1.0.
      sslPolicy: 'ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09',
      certificateArn: parent.certificateArn,
      defaultActions: [notFound],
    },
    { parent },
  );
}

const notFound: aws.types.input.lb.ListenerDefaultAction & aws.types.input.lb.ListenerRuleAction = {
  type: 'fixed-response',
  fixedResponse: { contentType: 'text/plain', messageBody: 'Not found', statusCode: '404' },
};

/** The first matching rule applies. */
function createRules(parent: Ingress, { name }: Settings, ingress: IngressSettings, listener: aws.lb.Listener): pulumi.Resource[] {
  const forward = [{ type: 'forward', targetGroupArn: parent.targetGroup.arn }];
  const domain = { hostHeader: { values: [ingress.domainName] } };
  const rule = (part: string, priority: number, args: Pick<aws.lb.ListenerRuleArgs, 'conditions' | 'actions'>) =>
    new aws.lb.ListenerRule(`${name}-${part}`, { listenerArn: listener.arn, priority, ...args }, { parent });
  const open = (part: string, priority: number, path: string, methods: string[]) =>
    rule(part, priority, {
      conditions: [domain, { pathPattern: { values: [path] } }, { httpRequestMethod: { values: methods } }],
      actions: forward,
    });
  return [
    rule('closed', 10, { conditions: [{ pathPattern: { values: CLOSED_PATHS } }], actions: [notFound] }),
    open('tick', 20, TICK_PATH, ['POST']),
    open('callback', 30, CALLBACK_PATH, ['GET']),
    open('connect', 40, CONNECT_PATHS, ['GET', 'POST']),
    ...chunk(ingress.allowedCidrs, RANGES_PER_RULE).map((values, index) =>
      rule(`callers-${index + 1}`, 100 + index, { conditions: [domain, { sourceIp: { values } }], actions: forward }),
    ),
  ];
}

function createAlias(parent: Ingress, { name, protect }: Settings, ingress: IngressSettings): aws.route53.Record {
  const { dnsName, zoneId } = parent.loadBalancer;
  return new aws.route53.Record(
    name,
    {
      zoneId: ingress.hostedZoneId,
      name: ingress.domainName,
      type: 'A',
      aliases: [{ name: dnsName, zoneId, evaluateTargetHealth: false }],
    },
    { parent, protect },
  );
}

function chunk(values: readonly string[], size: number): string[][] {
  return Array.from({ length: Math.ceil(values.length / size) }, (_, index) => values.slice(index * size, (index + 1) * size));
}
