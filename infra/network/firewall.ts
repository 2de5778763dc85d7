import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import type { Settings } from '../config.ts';
import type { Ingress } from './ingress.ts';

/**
 * Requests from one address in five minutes, before WAF blocks it for a while: 600 a minute. The app itself accepts 60 a minute on its open
 * paths; this keeps floods away from it.
 */
const MAX_REQUESTS = 3000;

interface FirewallArgs {
  settings: Settings;
  ingress: Ingress;
}

/** A web firewall in front of the load balancer, which blocks addresses that send too many requests. */
export class Firewall extends pulumi.ComponentResource {
  constructor({ settings: { name }, ingress }: FirewallArgs, options?: pulumi.ComponentResourceOptions) {
    super('sync:infra:Firewall', name, {}, options);
    const visibility = (metricName: string) => ({ metricName, cloudwatchMetricsEnabled: true, sampledRequestsEnabled: true });
    const acl = new aws.wafv2.WebAcl(
      name,
      {
        scope: 'REGIONAL',
        defaultAction: { allow: {} },
        rules: [
          {
            name: 'too-many-requests',
            priority: 1,
            action: { block: {} },
            statement: { rateBasedStatement: { limit: MAX_REQUESTS, evaluationWindowSec: 300, aggregateKeyType: 'IP' } },
            visibilityConfig: visibility(`${name}-too-many-requests`),
          },
        ],
        visibilityConfig: visibility(name),
      },
      { parent: this },
    );
    new aws.wafv2.WebAclAssociation(name, { resourceArn: ingress.loadBalancer.arn, webAclArn: acl.arn }, { parent: this });
    this.registerOutputs({});
  }
}
