import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import type { Settings } from './config.ts';
import { policyDocument, type Statement } from './policy.ts';

/** A tick that no task has read for an hour is superseded by later ones. */
const RETENTION_SECONDS = 3600;

/** How long a task may take for a tick, which only writes to the job store. */
const VISIBILITY_SECONDS = 60;

/** Without a load balancer: the queue to which the schedule sends its ticks. The service reads it, so nothing has to reach the service. */
export class TickQueue extends pulumi.ComponentResource {
  readonly queue: aws.sqs.Queue;

  constructor(settings: Settings, options?: pulumi.ComponentResourceOptions) {
    super('sync:infra:TickQueue', settings.name, {}, options);
    this.queue = new aws.sqs.Queue(
      `${settings.name}-ticks`,
      {
        sqsManagedSseEnabled: true,
        messageRetentionSeconds: RETENTION_SECONDS,
        visibilityTimeoutSeconds: VISIBILITY_SECONDS,
        receiveWaitTimeSeconds: 20,
      },
      { parent: this },
    );
    this.registerOutputs({});
  }

  /** Lets the task's role read it. */
  get readStatements(): Statement[] {
    return [{ Sid: 'ReadTicks', Action: ['sqs:ReceiveMessage', 'sqs:DeleteMessage'], Resource: this.queue.arn }];
  }

  /** Lets only the schedule's rule send to it. */
  allow(parent: pulumi.Resource, name: string, ruleArn: pulumi.Output<string>): void {
    const policy = policyDocument([
      {
        Principal: { Service: 'events.amazonaws.com' },
        Action: ['sqs:SendMessage'],
        Resource: this.queue.arn,
        Condition: { ArnEquals: { 'aws:SourceArn': ruleArn } },
      },
    ]);
    new aws.sqs.QueuePolicy(`${name}-ticks`, { queueUrl: this.queue.url, policy }, { parent });
  }
}
