import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import type { Settings } from './config.ts';
import { Ingress, TICK_PATH } from './network/ingress.ts';
import { policyDocument } from './policy.ts';
import type { Service } from './service/service.ts';
import { TickQueue } from './tick-queue.ts';

/** An undeliverable tick is dropped after this time: the next tick does its work. */
const MAX_RETRY_SECONDS = 300;
const MAX_RETRIES = 2;

/** Dropped ticks are kept for inspection, not for redelivery. */
const DEAD_LETTER_SECONDS = 4 * 24 * 60 * 60;

interface ScheduleArgs {
  settings: Settings;
  accountId: pulumi.Input<string>;
  tickKey: pulumi.Output<string>;
  /** where the ticks go: to the service's address, or to a queue that it reads */
  to: Ingress | TickQueue;
  service: Service;
}

/** The schedule: EventBridge posts ticks to the service, or sends them to its queue. */
export class Schedule extends pulumi.ComponentResource {
  readonly ruleName: pulumi.Output<string>;
  /** undefined: the ticks go to a queue */
  readonly connectionName: pulumi.Output<string> | undefined;
  readonly deadLetters: aws.sqs.Queue;

  constructor(args: ScheduleArgs, options?: pulumi.ComponentResourceOptions) {
    const { settings } = args;
    super('sync:infra:Schedule', settings.name, {}, options);
    const rule = createRule(this, args);
    this.ruleName = rule.name;
    this.deadLetters = createDeadLetters(this, settings.name, rule);
    if (args.to instanceof TickQueue) {
      args.to.allow(this, settings.name, rule.arn);
      createTarget(this, args, rule, { arn: args.to.queue.arn }, []);
    } else {
      const { connection, destination } = createDestination(this, args, args.to);
      this.connectionName = connection.name;
      const { role, permission } = createRole(this, args, rule, destination);
      createTarget(this, args, rule, { arn: destination.arn, roleArn: role.arn }, [permission]);
    }
    this.registerOutputs({ ruleName: this.ruleName });
  }
}

function createDestination(parent: Schedule, { settings: { name }, tickKey, service }: ScheduleArgs, ingress: Ingress) {
  const connection = new aws.cloudwatch.EventConnection(
    name,
    {
      description: "The schedule's key, which allows only ticks",
      authorizationType: 'API_KEY',
      authParameters: { apiKey: { key: 'X-API-Key', value: tickKey } },
    },
    // The provider does not mark these as secret. The service must exist before EventBridge sends it anything. Whether it accepts a new key
    // (after a rollback it does not) is for the operator who changes `tickKeys` to check.
    { parent, additionalSecretOutputs: ['authParameters'], dependsOn: [service.service] },
  );
  const destination = new aws.cloudwatch.EventApiDestination(
    name,
    {
      connectionArn: connection.arn,
      httpMethod: 'POST',
      invocationEndpoint: `${ingress.url}${TICK_PATH}`,
      invocationRateLimitPerSecond: 1,
    },
    { parent },
  );
  return { connection, destination };
}

function createRule(parent: Schedule, { settings: { name, schedule, protect }, to, service }: ScheduleArgs): aws.cloudwatch.EventRule {
  const { enabled, everyMinutes } = schedule;
  return new aws.cloudwatch.EventRule(
    name,
    {
      description: 'Ticks: the service imports what is due',
      scheduleExpression: `rate(${everyMinutes} ${everyMinutes === 1 ? 'minute' : 'minutes'})`,
      state: enabled ? 'ENABLED' : 'DISABLED',
    },
    // No ticks until the service can receive them.
    { parent, protect, dependsOn: [service.service, ...(to instanceof Ingress ? [to.alias] : [])] },
  );
}

function createDeadLetters(parent: Schedule, name: string, rule: aws.cloudwatch.EventRule): aws.sqs.Queue {
  const queue = new aws.sqs.Queue(
    `${name}-dead-letters`,
    { sqsManagedSseEnabled: true, messageRetentionSeconds: DEAD_LETTER_SECONDS },
    { parent },
  );
  const policy = policyDocument([
    {
      Principal: { Service: 'events.amazonaws.com' },
      Action: ['sqs:SendMessage'],
      Resource: queue.arn,
      Condition: { ArnEquals: { 'aws:SourceArn': rule.arn } },
    },
  ]);
  new aws.sqs.QueuePolicy(`${name}-dead-letters`, { queueUrl: queue.url, policy }, { parent });
  return queue;
}

function createRole(
  parent: Schedule,
  { settings: { name }, accountId }: ScheduleArgs,
  rule: aws.cloudwatch.EventRule,
  destination: aws.cloudwatch.EventApiDestination,
) {
  const role = new aws.iam.Role(
    `${name}-schedule`,
    {
      description: 'EventBridge, when it ticks',
      assumeRolePolicy: policyDocument([
        {
          Principal: { Service: 'events.amazonaws.com' },
          Action: ['sts:AssumeRole'],
          Condition: { StringEquals: { 'aws:SourceAccount': accountId }, ArnEquals: { 'aws:SourceArn': rule.arn } },
        },
      ]),
    },
    { parent },
  );
  const permission = new aws.iam.RolePolicy(
    `${name}-schedule`,
    { role: role.name, policy: policyDocument([{ Action: ['events:InvokeApiDestination'], Resource: destination.arn }]) },
    { parent },
  );
  return { role, permission };
}

function createTarget(
  parent: Schedule,
  { settings: { name, protect } }: ScheduleArgs,
  rule: aws.cloudwatch.EventRule,
  target: Pick<aws.cloudwatch.EventTargetArgs, 'arn' | 'roleArn'>,
  dependsOn: pulumi.Resource[],
): void {
  new aws.cloudwatch.EventTarget(
    name,
    {
      rule: rule.name,
      ...target,
      // By default EventBridge sends its own event, whose fields the app rejects.
      input: '{}',
      // Set both: without an age the provider sends 0, which AWS rejects.
      retryPolicy: { maximumEventAgeInSeconds: MAX_RETRY_SECONDS, maximumRetryAttempts: MAX_RETRIES },
      deadLetterConfig: { arn: parent.deadLetters.arn },
    },
    { parent, protect, dependsOn },
  );
}
