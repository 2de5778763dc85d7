import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import type { Settings } from './config.ts';
import type { Database } from './database.ts';
import type { Encryption } from './encryption.ts';
import type { Ingress } from './ingress.ts';
import { JOBS_OVERDUE, METADATA_TABLE_NOT_OURS, OUTBOX_NOT_LOADED, STORE_HALTED, TICK_ACCEPTED, WEBHOOK_GIVEN_UP } from './log-filters.ts';
import type { Schedule } from './schedule.ts';
import type { Service } from './service.ts';

const MINUTES = 60;
const GIB = 1024 ** 3;

const HOURS = 60 * MINUTES;

/** How many ticks the schedule's alarm covers. At least half of them must have been accepted. */
const TICKS_WATCHED = 6;

/** CloudWatch's maximum. All evaluation periods together may span seven days if each is an hour or longer, otherwise one day. */
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

/** Alarms that email the operators when the service does not do its work. */
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
    this.#watchStore(args);
    this.#watchMetadataTables(args);
    if (settings.schedule.enabled) this.#watchTicks(args);
    if (settings.secrets.alertWebhookUrl) this.#watchWebhook(args);
    this.#watchRequests(args);
    this.#watchDeadLetters(args);
    this.#watchDatabase(args);
    this.registerOutputs({ topicArn: this.topicArn });
  }

  /** The most important alarm. It also fires when the service logs nothing. */
  #watchJobs({ settings, service }: ObservabilityArgs): void {
    const metric = createLogMetric(this, settings.name, service, 'jobs-overdue', JOBS_OVERDUE, '$.jobs');
    this.#alarm('jobs-overdue', 'Jobs are overdue, or the service does not report whether they are', {
      ...metric,
      ...above(0, 'Maximum', 5 * MINUTES, 3),
      treatMissingData: 'breaching',
    });
  }

  /** The service logs it every minute until an operator decides. */
  #watchStore({ settings, service }: ObservabilityArgs): void {
    const metric = createLogMetric(this, settings.name, service, 'store-halted', STORE_HALTED, '1');
    this.#alarm('store-halted', 'The job store was restored or copied, and nothing is imported', {
      ...metric,
      ...above(0, 'Sum', 5 * MINUTES, 1),
    });
  }

  /** Both are logged every five minutes or more often, and clear once that ends. A load that fails once usually succeeds the next time. */
  #watchMetadataTables({ settings, service }: ObservabilityArgs): void {
    const log = (part: string, pattern: string) => createLogMetric(this, settings.name, service, part, pattern, '1');
    this.#alarm('outbox-not-loaded', "The service's own tables are an hour behind: it cannot write to them", {
      ...log('outbox-not-loaded', OUTBOX_NOT_LOADED),
      ...above(0, 'Sum', 15 * MINUTES, 4),
    });
    this.#alarm('metadata-table-not-ours', 'A table or view that the service did not create has the name of one of its own tables', {
      ...log('metadata-table-not-ours', METADATA_TABLE_NOT_OURS),
      ...above(0, 'Sum', 15 * MINUTES, 1),
    });
  }

  /** Its own alerts reach no one. */
  #watchWebhook({ settings, service }: ObservabilityArgs): void {
    const metric = createLogMetric(this, settings.name, service, 'webhook-given-up', WEBHOOK_GIVEN_UP, '1');
    this.#alarm('webhook-given-up', 'The receiver of alerts did not accept a message for a day, or wants no more', {
      ...metric,
      ...above(0, 'Sum', 5 * MINUTES, 1),
    });
  }

  #watchTicks({ settings, service }: ObservabilityArgs): void {
    const metric = createLogMetric(this, settings.name, service, 'ticks', TICK_ACCEPTED, '1');
    const period = Math.min(settings.schedule.everyMinutes * TICKS_WATCHED * MINUTES, MAX_PERIOD_SECONDS);
    const ticks = Math.floor(period / MINUTES / settings.schedule.everyMinutes);
    this.#alarm('ticks', 'The schedule is on, and the service accepts fewer than half of its ticks', {
      ...metric,
      // A day that expects one tick may get none, and the next day two: EventBridge is not accurate to the second.
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
      // Each zone reports its own count. While a task starts in one zone, or never becomes healthy there, a task in another may serve.
      ...below(1, 'Maximum', MINUTES, 3),
      treatMissingData: 'breaching',
    });
    this.#alarm('task-errors', 'The service returns 5xx errors', {
      namespace,
      metricName: 'HTTPCode_Target_5XX_Count',
      dimensions,
      ...above(5, 'Sum', 5 * MINUTES, 1),
    });
    this.#alarm('load-balancer-errors', 'The load balancer gets no response from the service', {
      namespace,
      metricName: 'HTTPCode_ELB_5XX_Count',
      dimensions: { LoadBalancer: ingress.loadBalancer.arnSuffix },
      ...above(5, 'Sum', 5 * MINUTES, 1),
    });
  }

  /**
   * Fires on a single dead letter, whatever the schedule's rate. Counts arrivals rather than the queue's length, because a message stays
   * for days, and covers three hours, because SQS reports metrics of an idle queue up to 15 minutes late.
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
    // Only burstable classes report credits.
    if (!database.instanceClass.startsWith('db.t')) return;
    this.#alarm('database-credits', 'The job store has used up its CPU credits: it is slow or costs more', {
      namespace: 'AWS/RDS',
      metricName: 'CPUCreditBalance',
      dimensions,
      // A new instance starts with none, and the smallest earns twelve an hour.
      ...below(20, 'Maximum', HOURS, 3),
      treatMissingData: 'notBreaching',
    });
  }
}

function createTopic(parent: pulumi.Resource, { name, observability }: Settings, { keyArn }: Encryption): aws.sns.Topic {
  // Our own key or none: CloudWatch may not use the AWS-managed key of SNS, and alarms would not be delivered.
  const topic = new aws.sns.Topic(`${name}-alarms`, keyArn ? { kmsMasterKeyId: keyArn } : {}, { parent });
  for (const email of observability.alarmEmails) {
    new aws.sns.TopicSubscription(`${name}-${email}`, { topic: topic.arn, protocol: 'email', endpoint: email }, { parent });
  }
  return topic;
}

/** Turns a number in the service's log (one JSON object per line) into a metric. */
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
