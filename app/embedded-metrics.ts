/** The numbers of a log line, by the name of their metric. */
type Numbers = Record<string, number | undefined>;

interface LogFields extends Record<string, unknown> {
  event?: string;
  receipt?: { delta_rows: number; invalid_values: Record<string, number> };
}

/** What the events of the log measure. A test checks each name against the dashboard. */
const MEASURED: Record<string, (fields: LogFields) => Numbers> = {
  backlog: (fields) => pick(fields, ['queued_runs', 'claimable_runs', 'running_runs', 'lag_hours', 'api_quota_percent']),
  run_succeeded: ({ receipt }) => ({
    runs_succeeded: 1,
    rows: receipt?.delta_rows,
    invalid_values: Object.values(receipt?.invalid_values ?? {}).reduce((sum, count) => sum + count, 0),
  }),
  run_failed: () => ({ runs_failed: 1 }),
};

/**
 * Adds to a line what CloudWatch needs to take metrics from it: its embedded metric format. Lines of other events stay as they are.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
export function embedMetrics(fields: Record<string, unknown>, namespace: string, now = Date.now()): Record<string, unknown> {
  const measured = MEASURED[String(fields.event)]?.(fields as LogFields) ?? {};
  const numbers = Object.entries(measured).filter(([, value]) => value !== undefined);
  if (numbers.length === 0) return fields;
  const metrics = numbers.map(([name]) => ({ Name: name, Unit: name.endsWith('_percent') ? 'Percent' : 'Count' }));
  return {
    ...fields,
    ...Object.fromEntries(numbers),
    _aws: { Timestamp: now, CloudWatchMetrics: [{ Namespace: namespace, Dimensions: [[]], Metrics: metrics }] },
  };
}

function pick(fields: LogFields, names: string[]): Numbers {
  return Object.fromEntries(names.map((name) => [name, fields[name] as number | undefined]));
}
