import type * as aws from '@pulumi/aws';
import type * as pulumi from '@pulumi/pulumi';

export const MINUTES = 60;
export const HOURS = 60 * MINUTES;

/** When a metric is at fault; the period is in seconds. */
type Threshold = Pick<
  aws.cloudwatch.MetricAlarmArgs,
  'comparisonOperator' | 'threshold' | 'statistic' | 'period' | 'evaluationPeriods' | 'treatMissingData'
> &
  Partial<Pick<aws.cloudwatch.MetricAlarmArgs, 'datapointsToAlarm'>>;

/** Where the metric comes from: AWS, or lines of the service's log that match a filter. */
type Source =
  | { namespace: string; metricName: string; dimensions: Record<string, pulumi.Input<string>> }
  | { log: { pattern: string; value: string } };

/** One alarm: the end of its name, what it means, and when it fires. */
export type Alarm = { part: string; description: string } & Source & { when: Threshold };

export function above(threshold: number, statistic: string, period: number, evaluationPeriods: number): Threshold {
  return { comparisonOperator: 'GreaterThanThreshold', threshold, statistic, period, evaluationPeriods, treatMissingData: 'notBreaching' };
}

export function below(threshold: number, statistic: string, period: number, evaluationPeriods: number): Threshold {
  return { comparisonOperator: 'LessThanThreshold', threshold, statistic, period, evaluationPeriods, treatMissingData: 'missing' };
}
