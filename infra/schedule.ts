import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import type { Settings } from './config.ts';
import { type Ingress, TICK_PATH } from './ingress.ts';
import { policyDocument } from './policy.ts';
import type { Service } from './service.ts';

/** An undeliverable tick is dropped after this time: the next tick does its work. */
const MAX_RETRY_SECONDS = 300;
const MAX_RETRIES = 2;

/** Dropped ticks are kept for inspection, not for redelivery. */
const DEAD_LETTER_SECONDS = 4 * 24 * 60 * 60;

interface ScheduleArgs {
  settings: Settings;
  accountId: pulumi.Input<string>;
  tickKey: pulumi.Output<string>;
  ingress: Ingress;
  service: Service;
}

/** The schedule: EventBridge posts ticks to the service. */
export class Schedule extends pulumi.ComponentResource {
  readonly ruleName: pulumi.Output<string>;
  readonly connectionName: pulumi.Output<string>;
  readonly deadLetters: aws.sqs.Queue;

  constructor(args: ScheduleArgs, options?: pulumi.ComponentResourceOptions) {
    const { settings } = args;
    super('sync:infra:Schedule', settings.name, {}, options);
    const { connection, destination } = createDestination(this, args);
    const rule = createRule(this, args);
    this.deadLetters = createDeadLetters(this, settings.name, rule);
    createTarget(this, args, rule, destination);
    this.ruleName = rule.name;
    this.connectionName = connection.name;
    this.registerOutputs({ ruleName: this.ruleName });
  }
}

function createDestination(parent: Schedule, { settings: { name }, tickKey, ingress, service }: ScheduleArgs) {
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

function createRule(parent: Schedule, { settings: { name, schedule, protect }, ingress, service }: ScheduleArgs): aws.cloudwatch.EventRule {
  const { enabled, everyMinutes } = schedule;
  return new aws.cloudwatch.EventRule(
    name,
    {
      description: 'Ticks: the service imports what is due',
      scheduleExpression: `rate(${everyMinutes} ${everyMinutes === 1 ? 'minute' : 'minutes'})`,
      state: enabled ? 'ENABLED' : 'DISABLED',
    },
    // No ticks until the service can receive them.
    { parent, protect, dependsOn: [service.service, ingress.alias] },
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

function createTarget(
  parent: Schedule,
  { settings: { name, protect }, accountId }: ScheduleArgs,
  rule: aws.cloudwatch.EventRule,
  destination: aws.cloudwatch.EventApiDestination,
): void {
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
  new aws.cloudwatch.EventTarget(
    name,
    {
      rule: rule.name,
      arn: destination.arn,
      roleArn: role.arn,
      // By default EventBridge posts its own event, whose fields the app rejects.
      input: '{}',
      // Set both: without an age the provider sends 0, which AWS rejects.
      retryPolicy: { maximumEventAgeInSeconds: MAX_RETRY_SECONDS, maximumRetryAttempts: MAX_RETRIES },
      deadLetterConfig: { arn: parent.deadLetters.arn },
    },
    { parent, protect, dependsOn: [permission] },
  );
}
