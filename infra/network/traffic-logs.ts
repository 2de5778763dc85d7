import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import type { Settings } from '../config.ts';
import { policyDocument } from '../policy.ts';

/** The folders of the bucket, by who writes to them. */
const LOAD_BALANCER = 'load-balancer';
const NETWORK = 'network';

interface TrafficLogsArgs {
  settings: Settings;
  accountId: pulumi.Input<string>;
}

/**
 * Who called the load balancer, and what crossed the network: a bucket for both, whose objects expire. Encrypted with S3's own key, because
 * load balancers cannot use another.
 */
export class TrafficLogs extends pulumi.ComponentResource {
  readonly #settings: Settings;
  readonly #bucket: aws.s3.Bucket;
  readonly #access: pulumi.Resource;

  constructor({ settings, accountId }: TrafficLogsArgs, options?: pulumi.ComponentResourceOptions) {
    super('sync:infra:TrafficLogs', settings.name, {}, options);
    this.#settings = settings;
    this.#bucket = createBucket(this, settings);
    this.#access = allowDelivery(this, settings, accountId, this.#bucket);
    this.registerOutputs({});
  }

  /** The load balancer's `accessLogs`. Resolves once it may write. */
  get ofLoadBalancer(): aws.types.input.lb.LoadBalancerAccessLogs {
    const bucket = pulumi.all([this.#bucket.bucket, this.#access.urn]).apply(([name]) => name);
    return { bucket, prefix: LOAD_BALANCER, enabled: true };
  }

  /** Logs all connections of a network, accepted and rejected. */
  logNetwork(vpcId: pulumi.Input<string>): void {
    new aws.ec2.FlowLog(
      this.#settings.name,
      { vpcId, trafficType: 'ALL', logDestinationType: 's3', logDestination: pulumi.interpolate`${this.#bucket.arn}/${NETWORK}` },
      { parent: this, dependsOn: [this.#access] },
    );
  }
}

function createBucket(parent: pulumi.Resource, { name, protect, observability }: Settings): aws.s3.Bucket {
  const bucket = new aws.s3.Bucket(`${name}-traffic-logs`, { forceDestroy: !protect }, { parent, protect });
  new aws.s3.BucketPublicAccessBlock(
    `${name}-traffic-logs`,
    { bucket: bucket.bucket, blockPublicAcls: true, blockPublicPolicy: true, ignorePublicAcls: true, restrictPublicBuckets: true },
    { parent },
  );
  const expiry = { id: 'expire', status: 'Enabled', filter: { prefix: '' }, expiration: { days: observability.logRetentionDays } };
  new aws.s3.BucketLifecycleConfiguration(`${name}-traffic-logs`, { bucket: bucket.bucket, rules: [expiry] }, { parent });
  return bucket;
}

function allowDelivery(
  parent: pulumi.Resource,
  { name, region }: Settings,
  accountId: pulumi.Input<string>,
  bucket: aws.s3.Bucket,
): aws.s3.BucketPolicy {
  const ofAccount = { StringEquals: { 'aws:SourceAccount': accountId } };
  const folder = (prefix: string) => pulumi.interpolate`${bucket.arn}/${prefix}/AWSLogs/${accountId}/*`;
  const policy = policyDocument([
    {
      Sid: 'LoadBalancer',
      Principal: { Service: 'logdelivery.elasticloadbalancing.amazonaws.com' },
      Action: ['s3:PutObject'],
      Resource: folder(LOAD_BALANCER),
      Condition: { ArnLike: { 'aws:SourceArn': pulumi.interpolate`arn:aws:elasticloadbalancing:${region}:${accountId}:loadbalancer/*` } },
    },
    {
      Sid: 'Network',
      Principal: { Service: 'delivery.logs.amazonaws.com' },
      Action: ['s3:PutObject'],
      Resource: folder(NETWORK),
      Condition: ofAccount,
    },
    {
      // Before it writes, the delivery service checks that it may.
      Sid: 'NetworkCheck',
      Principal: { Service: 'delivery.logs.amazonaws.com' },
      Action: ['s3:GetBucketAcl'],
      Resource: bucket.arn,
      Condition: ofAccount,
    },
  ]);
  return new aws.s3.BucketPolicy(`${name}-traffic-logs`, { bucket: bucket.bucket, policy }, { parent });
}
