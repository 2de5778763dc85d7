import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import type { Settings } from '../config.ts';
import type { Database } from '../database.ts';
import type { Encryption } from '../encryption.ts';
import type { Ingress } from '../network/ingress.ts';
import { policyDocument } from '../policy.ts';
import type { Schedule } from '../schedule.ts';
import type { Service } from '../service/service.ts';
import type { Alarm } from './alarm.ts';
import { dashboardBody } from './dashboard.ts';
import { databaseAlarms } from './database-alarms.ts';
import { ALARM_PUBLISHERS } from './publishers.ts';
import { requestAlarms, scheduleAlarms, taskAlarms } from './service-alarms.ts';
import { workAlarms } from './work-alarms.ts';

interface ObservabilityArgs {
  settings: Settings;
  accountId: pulumi.Input<string>;
  encryption: Encryption;
  service: Service;
  ingress: Ingress | undefined;
  schedule: Schedule;
  database: Database;
}

/** Alarms that email the operators when the service does not do its work, and a dashboard of what it does. */
export class Observability extends pulumi.ComponentResource {
  readonly topicArn: pulumi.Output<string>;
  readonly dashboard: pulumi.Output<string>;

  constructor(args: ObservabilityArgs, options?: pulumi.ComponentResourceOptions) {
    const { settings, service } = args;
    super('sync:infra:Observability', settings.name, {}, options);
    const topic = createTopic(this, args);
    this.topicArn = topic.arn;
    subscribeToDatabase(this, args, topic);
    const alarms = [
      ...workAlarms(settings),
      ...taskAlarms(service),
      ...(args.ingress ? requestAlarms(args.ingress) : []),
      ...scheduleAlarms(args.schedule),
      ...databaseAlarms(settings, args.database),
    ];
    for (const alarm of alarms) createAlarm(this, args, topic, alarm);
    this.dashboard = new aws.cloudwatch.Dashboard(
      settings.name,
      { dashboardName: settings.name, dashboardBody: dashboardBody(settings) },
      { parent: this },
    ).dashboardName;
    this.registerOutputs({ topicArn: this.topicArn });
  }
}

function createTopic(parent: pulumi.Resource, { settings, accountId, encryption: { keyArn } }: ObservabilityArgs): aws.sns.Topic {
  const { name, observability } = settings;
  // Our own key or none: CloudWatch may not use the AWS-managed key of SNS, and alarms would not be delivered.
  const topic = new aws.sns.Topic(`${name}-alarms`, keyArn ? { kmsMasterKeyId: keyArn } : {}, { parent });
  const policy = policyDocument([
    {
      Sid: 'Alarms',
      Principal: { Service: ALARM_PUBLISHERS },
      Action: ['sns:Publish'],
      Resource: topic.arn,
      Condition: { StringEquals: { 'aws:SourceAccount': accountId } },
    },
  ]);
  new aws.sns.TopicPolicy(`${name}-alarms`, { arn: topic.arn, policy }, { parent });
  for (const email of observability.alarmEmails) {
    new aws.sns.TopicSubscription(`${name}-${email}`, { topic: topic.arn, protocol: 'email', endpoint: email }, { parent });
  }
  return topic;
}

/** What RDS itself reports: a switch to the standby, failures, recovery, and the maintenance that it announces. */
const DATABASE_EVENTS = ['availability', 'failover', 'failure', 'low storage', 'maintenance', 'recovery'];

function subscribeToDatabase(parent: pulumi.Resource, { settings: { name }, database }: ObservabilityArgs, topic: aws.sns.Topic): void {
  new aws.rds.EventSubscription(
    name,
    { snsTopic: topic.arn, sourceType: 'db-instance', sourceIds: [database.identifier], eventCategories: DATABASE_EVENTS },
    { parent },
  );
}

function createAlarm(
  parent: pulumi.Resource,
  { settings: { name }, service }: ObservabilityArgs,
  topic: aws.sns.Topic,
  alarm: Alarm,
): void {
  const { part, description, when, ...source } = alarm;
  const metric = 'log' in source ? createLogMetric(parent, name, service, part, source.log) : source;
  const actions = [topic.arn];
  new aws.cloudwatch.MetricAlarm(
    `${name}-${part}`,
    { alarmDescription: description, alarmActions: actions, okActions: actions, ...metric, ...when },
    // Otherwise the first deployment, which takes longer than the alarms wait, would set them off.
    { parent, dependsOn: [service.service] },
  );
}

/** Turns a number in the service's log (one JSON object per line) into a metric. */
function createLogMetric(parent: pulumi.Resource, name: string, service: Service, part: string, log: { pattern: string; value: string }) {
  const metric = { name: part, namespace: name };
  new aws.cloudwatch.LogMetricFilter(
    `${name}-${part}`,
    { logGroupName: service.logGroupName, pattern: log.pattern, metricTransformation: { ...metric, value: log.value } },
    { parent },
  );
  return { namespace: metric.namespace, metricName: metric.name };
}
