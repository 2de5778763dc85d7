import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import { RANGES_PER_RULE } from './allowed-ranges.ts';
import type { Settings } from './config.ts';
import type { Network } from './network.ts';
import { APP_PORT } from './ports.ts';

/** The path that the schedule posts to. */
export const TICK_PATH = '/handle_importing_job';

/** For those inside the network alone, or not there at all. */
const CLOSED_PATHS = ['/readyz*', '/metrics*'];

interface IngressArgs {
  settings: Settings;
  network: Network;
}

/** The way in: HTTPS under the domain's name. The schedule's path is open to all, the rest to `allowedCidrs`, and nothing else answers. */
export class Ingress extends pulumi.ComponentResource {
  readonly url: string;
  readonly targetGroup: aws.lb.TargetGroup;
  readonly loadBalancer: aws.lb.LoadBalancer;
  /** the domain's name, pointing here */
  readonly alias: aws.route53.Record;
  /** listeners and their rules: ECS takes no target group that no listener uses */
  readonly routes: pulumi.Resource[];

  constructor({ settings, network }: IngressArgs, options?: pulumi.ComponentResourceOptions) {
    super('sync:infra:Ingress', settings.name, {}, options);
    this.url = `https://${settings.ingress.domainName}`;
    this.loadBalancer = createLoadBalancer(this, settings, network);
    this.targetGroup = createTargetGroup(this, settings.name, network);
    const https = createListeners(this, settings, createCertificate(this, settings));
    this.routes = [https, ...createRules(this, settings, https)];
    this.alias = createAlias(this, settings);
    this.registerOutputs({ url: this.url });
  }
}

function createLoadBalancer(parent: Ingress, { name, protect }: Settings, network: Network): aws.lb.LoadBalancer {
  return new aws.lb.LoadBalancer(
    name,
    {
      loadBalancerType: 'application',
      internal: false,
      ipAddressType: 'ipv4',
      securityGroups: [network.loadBalancerGroup.id],
      subnets: network.publicSubnetIds,
      dropInvalidHeaderFields: true,
      // Longer than the longest wait that the app grants, 50 seconds.
      idleTimeout: 60,
      enableDeletionProtection: protect,
    },
    { parent, protect },
  );
}

/** Without a name of ours: one with a fixed name cannot be replaced while a listener uses it. */
function createTargetGroup(parent: Ingress, name: string, network: Network): aws.lb.TargetGroup {
  return new aws.lb.TargetGroup(
    name,
    {
      vpcId: network.vpcId,
      targetType: 'ip',
      protocol: 'HTTP',
      port: APP_PORT,
      // Long enough for an answer that waits.
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
    { parent },
  );
}

/** A certificate, proved by DNS. @returns its ARN, once it is issued */
function createCertificate(parent: Ingress, { name, ingress }: Settings): pulumi.Output<string> {
  const certificate = new aws.acm.Certificate(name, { domainName: ingress.domainName, validationMethod: 'DNS' }, { parent });
  const proof = certificate.domainValidationOptions.apply((options) => options[0]!);
  const record = new aws.route53.Record(
    `${name}-certificate`,
    {
      zoneId: ingress.hostedZoneId,
      name: proof.resourceRecordName,
      type: proof.resourceRecordType,
      records: [proof.resourceRecordValue],
      ttl: 300,
      // The same name has the same proof, whichever stack asks.
      allowOverwrite: true,
    },
    { parent },
  );
  const issued = new aws.acm.CertificateValidation(
    name,
    { certificateArn: certificate.arn, validationRecordFqdns: [record.fqdn] },
    { parent },
  );
  return issued.certificateArn;
}

/** @returns the HTTPS listener, which answers 404 to what no rule lets in; HTTP is sent there */
function createListeners(parent: Ingress, { name }: Settings, certificateArn: pulumi.Output<string>): aws.lb.Listener {
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
      // Unsaid, it would be the policy of 2016, with TLS 1.0.
      sslPolicy: 'ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09',
      certificateArn,
      defaultActions: [notFound],
    },
    { parent },
  );
}

const notFound: aws.types.input.lb.ListenerDefaultAction & aws.types.input.lb.ListenerRuleAction = {
  type: 'fixed-response',
  fixedResponse: { contentType: 'text/plain', messageBody: 'Not found', statusCode: '404' },
};

/** The first rule that fits decides. */
function createRules(parent: Ingress, { name, ingress }: Settings, listener: aws.lb.Listener): pulumi.Resource[] {
  const forward = [{ type: 'forward', targetGroupArn: parent.targetGroup.arn }];
  const ours = { hostHeader: { values: [ingress.domainName] } };
  const rule = (part: string, priority: number, args: Pick<aws.lb.ListenerRuleArgs, 'conditions' | 'actions'>) =>
    new aws.lb.ListenerRule(`${name}-${part}`, { listenerArn: listener.arn, priority, ...args }, { parent });
  return [
    rule('closed', 10, { conditions: [{ pathPattern: { values: CLOSED_PATHS } }], actions: [notFound] }),
    rule('tick', 20, {
      conditions: [ours, { pathPattern: { values: [TICK_PATH] } }, { httpRequestMethod: { values: ['POST'] } }],
      actions: forward,
    }),
    ...inGroups(ingress.allowedCidrs, RANGES_PER_RULE).map((values, index) =>
      rule(`callers-${index + 1}`, 100 + index, { conditions: [ours, { sourceIp: { values } }], actions: forward }),
    ),
  ];
}

function createAlias(parent: Ingress, { name, ingress }: Settings): aws.route53.Record {
  const { dnsName, zoneId } = parent.loadBalancer;
  return new aws.route53.Record(
    name,
    {
      zoneId: ingress.hostedZoneId,
      name: ingress.domainName,
      type: 'A',
      aliases: [{ name: dnsName, zoneId, evaluateTargetHealth: false }],
    },
    { parent },
  );
}

function inGroups(values: readonly string[], size: number): string[][] {
  return Array.from({ length: Math.ceil(values.length / size) }, (_, index) => values.slice(index * size, (index + 1) * size));
}
