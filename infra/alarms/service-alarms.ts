import type { Ingress } from '../network/ingress.ts';
import type { Schedule } from '../schedule.ts';
import type { Service } from '../service/service.ts';
import { type Alarm, above, below, HOURS, MINUTES } from './alarm.ts';

/** Alarms on the tasks: ECS reports both metrics without Container Insights. */
export function taskAlarms({ clusterName, serviceName }: Service): Alarm[] {
  const source = { namespace: 'AWS/ECS', dimensions: { ClusterName: clusterName, ServiceName: serviceName } };
  return [
    {
      part: 'task-cpu',
      description: 'The tasks have used nearly all of their CPU for an hour: runs take longer than they need to',
      ...source,
      metricName: 'CPUUtilization',
      when: above(90, 'Average', 15 * MINUTES, 4),
    },
    {
      part: 'task-memory',
      description: 'A task is about to run out of memory, and would be killed',
      ...source,
      metricName: 'MemoryUtilization',
      when: above(90, 'Maximum', 5 * MINUTES, 3),
    },
  ];
}

/** Alarms on requests, and on the certificate that they need. */
export function requestAlarms({ loadBalancer, targetGroup, certificateArn }: Ingress): Alarm[] {
  const dimensions = { LoadBalancer: loadBalancer.arnSuffix, TargetGroup: targetGroup.arnSuffix };
  const namespace = 'AWS/ApplicationELB';
  return [
    {
      part: 'no-healthy-task',
      description: 'No task is healthy',
      namespace,
      metricName: 'HealthyHostCount',
      dimensions,
      // Each zone reports its own count. While a task starts in one zone, or never becomes healthy there, a task in another may serve.
      when: { ...below(1, 'Maximum', MINUTES, 3), treatMissingData: 'breaching' },
    },
    {
      part: 'task-errors',
      description: 'The service returns 5xx errors',
      namespace,
      metricName: 'HTTPCode_Target_5XX_Count',
      dimensions,
      when: above(5, 'Sum', 5 * MINUTES, 1),
    },
    {
      part: 'load-balancer-errors',
      description: 'The load balancer gets no response from the service',
      namespace,
      metricName: 'HTTPCode_ELB_5XX_Count',
      dimensions: { LoadBalancer: loadBalancer.arnSuffix },
      when: above(5, 'Sum', 5 * MINUTES, 1),
    },
    {
      part: 'certificate-expiry',
      description: 'The certificate expires in less than 30 days: AWS could not renew it',
      namespace: 'AWS/CertificateManager',
      metricName: 'DaysToExpiry',
      dimensions: { CertificateArn: certificateArn },
      // AWS renews it well before that, and reports the metric twice a day.
      when: below(30, 'Minimum', 24 * HOURS, 1),
    },
  ];
}

/** Alarms on what EventBridge cannot deliver. */
export function scheduleAlarms({ deadLetters, ruleName }: Schedule): Alarm[] {
  return [
    // Fires on a single dead letter, whatever the schedule's rate. Counts arrivals rather than the queue's length, because a message stays
    // for days, and covers three hours, because SQS reports metrics of an idle queue up to 15 minutes late.
    {
      part: 'dead-letters',
      description: 'EventBridge could not deliver ticks',
      namespace: 'AWS/SQS',
      metricName: 'NumberOfMessagesSent',
      dimensions: { QueueName: deadLetters.name },
      when: { ...above(0, 'Sum', HOURS, 3), datapointsToAlarm: 1 },
    },
    {
      part: 'failed-invocations',
      description: 'EventBridge could not invoke its target, for example because its role may not',
      namespace: 'AWS/Events',
      metricName: 'FailedInvocations',
      dimensions: { RuleName: ruleName },
      when: { ...above(0, 'Sum', HOURS, 3), datapointsToAlarm: 1 },
    },
  ];
}
