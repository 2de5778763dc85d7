import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import type { Settings } from './config.ts';
import type { Database } from './database.ts';
import type { Encryption } from './encryption.ts';
import type { Ingress } from './ingress.ts';
import { JOBS_OVERDUE, TICK_ACCEPTED } from './log-filters.ts';
import type { Schedule } from './schedule.ts';
import type { Service } from './service.ts';

const MINUTES = 60;
const GIB = 1024 ** 3;

const HOURS = 60 * MINUTES;

/** How many ticks the schedule's alarm looks back over; of these, at least half must have been accepted. */
const TICKS_WATCHED = 6;

/** CloudWatch's longest period. Several may be looked at together: up to seven days of periods of an hour or more, one day of shorter ones. */
const MAX_PERIOD_SECONDS = 24 * HOURS;

interface ObservabilityArgs {
  settings: Settings;
  encryption: Encryption;
  service: Service;
  ingress: Ingress;
  schedule: Schedule;
  database: Database;
}

type Threshold = Pick<
  aws.cloudwatch.MetricAlarmArgs,
  'comparisonOperator' | 'threshold' | 'statistic' | 'period' | 'evaluationPeriods' | 'treatMissingData'
>;

/** Whoever runs the service is told by mail when it does not do its work. */
export class Observability extends pulumi.ComponentResource {
  readonly topicArn: pulumi.Output<string>;
  readonly #alarm: (part: string, description: string, args: Partial<aws.cloudwatch.MetricAlarmArgs> & Threshold) => void;

  constructor(args: ObservabilityArgs, options?: pulumi.ComponentResourceOptions) {
    const { settings } = args;
    super('sync:infra:Observability', settings.name, {}, options);
    const topic = createTopic(this, settings, args.encryption);
    this.topicArn = topic.arn;
    this.#alarm = (part, alarmDescription, metric) => {
      const actions = [topic.arn];
      new aws.cloudwatch.MetricAlarm(
        `${settings.name}-${part}`,
        { alarmDescription, alarmActions: actions, okActions: actions, ...metric },
        { parent: this },
      );
    };
    this.#watchJobs(args);
    if (settings.schedule.enabled) this.#watchTicks(args);
    this.#watchRequests(args);
    this.#watchDeadLetters(args);
    this.#watchDatabase(args);
    this.registerOutputs({ topicArn: this.topicArn });
  }

  /** The one that matters most: it also goes off when the service says nothing. */
  #watchJobs({ settings, service }: ObservabilityArgs): void {
    const metric = createLogMetric(this, settings.name, service, 'jobs-overdue', JOBS_OVERDUE, '$.jobs');
    this.#alarm('jobs-overdue', 'Jobs are behind their schedule, or the service does not say whether they are', {
      ...metric,
      ...above(0, 'Maximum', 5 * MINUTES, 3),
      treatMissingData: 'breaching',
    });
  }

  #watchTicks({ settings, service }: ObservabilityArgs): void {
    const metric = createLogMetric(this, settings.name, service, 'ticks', TICK_ACCEPTED, '1');
    const period = Math.min(settings.schedule.everyMinutes * TICKS_WATCHED * MINUTES, MAX_PERIOD_SECONDS);
    const ticks = Math.floor(period / MINUTES / settings.schedule.everyMinutes);
    this.#alarm('ticks', 'The schedule is on, and the service accepts fewer than half of its ticks', {
      ...metric,
      // A day that expects one tick may see none, and the next day two: EventBridge is not on time to the second.
      ...below(Math.max(1, ticks / 2), 'Sum', period, ticks < 2 ? 2 : 1),
      treatMissingData: 'breaching',
    });
  }

  #watchRequests({ ingress }: ObservabilityArgs): void {
    const dimensions = { LoadBalancer: ingress.loadBalancer.arnSuffix, TargetGroup: ingress.targetGroup.arnSuffix };
    const namespace = 'AWS/ApplicationELB';
    this.#alarm('no-healthy-task', 'No task is healthy', {
      namespace,
      metricName: 'HealthyHostCount',
      dimensions,
      // Each zone counts its own: while a new task starts in one, or never gets healthy there, the other's may do the work.
      ...below(1, 'Maximum', MINUTES, 3),
      treatMissingData: 'breaching',
    });
    this.#alarm('task-errors', 'The service answers with errors of its own', {
      namespace,
      metricName: 'HTTPCode_Target_5XX_Count',
      dimensions,
      ...above(5, 'Sum', 5 * MINUTES, 1),
    });
    this.#alarm('load-balancer-errors', 'The load balancer gets no answer from the service', {
      namespace,
      metricName: 'HTTPCode_ELB_5XX_Count',
      dimensions: { LoadBalancer: ingress.loadBalancer.arnSuffix },
      ...above(5, 'Sum', 5 * MINUTES, 1),
    });
  }

  /**
   * Any letter, whatever the schedule's rate. What comes in, not what lies there, since a letter stays for days; and over three hours,
   * since SQS tells of a queue that was idle up to a quarter of an hour late.
   */
  #watchDeadLetters({ schedule }: ObservabilityArgs): void {
    this.#alarm('dead-letters', 'EventBridge could not deliver ticks', {
      namespace: 'AWS/SQS',
      metricName: 'NumberOfMessagesSent',
      dimensions: { QueueName: schedule.deadLetters.name },
      ...above(0, 'Sum', HOURS, 3),
      datapointsToAlarm: 1,
    });
  }

  #watchDatabase({ settings, database }: ObservabilityArgs): void {
    const dimensions = { DBInstanceIdentifier: database.identifier };
    this.#alarm('database-storage', 'The job store is nearly full', {
      namespace: 'AWS/RDS',
      metricName: 'FreeStorageSpace',
      dimensions,
      ...below((settings.database.storageGib / 10) * GIB, 'Minimum', 5 * MINUTES, 3),
    });
    // Only classes that earn credits report them.
    if (!database.instanceClass.startsWith('db.t')) return;
    this.#alarm('database-credits', 'The job store has used up its CPU credits, and is slow or costs more', {
      namespace: 'AWS/RDS',
      metricName: 'CPUCreditBalance',
      dimensions,
      // A new instance begins with none, and the smallest earns twelve an hour.
      ...below(20, 'Maximum', HOURS, 3),
      treatMissingData: 'notBreaching',
    });
  }
}

function createTopic(parent: pulumi.Resource, { name, observability }: Settings, { keyArn }: Encryption): aws.sns.Topic {
  // Either our key or none: CloudWatch may not use AWS's own key for SNS, and the alarm would reach nobody.
  const topic = new aws.sns.Topic(`${name}-alarms`, keyArn ? { kmsMasterKeyId: keyArn } : {}, { parent });
  for (const email of observability.alarmEmails) {
    new aws.sns.TopicSubscription(`${name}-${email}`, { topic: topic.arn, protocol: 'email', endpoint: email }, { parent });
  }
  return topic;
}

/** A number that the service tells in its log, a JSON object a line, as a metric. */
function createLogMetric(parent: pulumi.Resource, name: string, service: Service, part: string, pattern: string, value: string) {
  const metric = { name: part, namespace: name };
  new aws.cloudwatch.LogMetricFilter(
    `${name}-${part}`,
    { logGroupName: service.logGroupName, pattern, metricTransformation: { ...metric, value } },
    { parent },
  );
  return { namespace: metric.namespace, metricName: metric.name };
}

function above(threshold: number, statistic: string, period: number, evaluationPeriods: number): Threshold {
  return { comparisonOperator: 'GreaterThanThreshold', threshold, statistic, period, evaluationPeriods, treatMissingData: 'notBreaching' };
}

function below(threshold: number, statistic: string, period: number, evaluationPeriods: number): Threshold {
  return { comparisonOperator: 'LessThanThreshold', threshold, statistic, period, evaluationPeriods, treatMissingData: 'missing' };
}
