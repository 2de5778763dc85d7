import { expect, test } from '@jest/globals';
import { EVERY_EVENT, type LogLine, linesOf } from '../../support/every-event.ts';
import { type ProgramRun, runProgram } from '../support/run-program.ts';
import type { StackName } from '../support/stack-config.ts';
import { taskContainer } from '../support/task-container.ts';

const GIB = 1024 ** 3;

/** An alarm as text: `statistic metric dimensions > threshold, n of m × seconds`, and how missing data is treated. */
function describeAlarm(inputs: Record<string, unknown>): string {
  const { namespace, metricName, dimensions = {}, statistic, comparisonOperator, threshold } = inputs;
  const { period, evaluationPeriods, datapointsToAlarm = evaluationPeriods, treatMissingData } = inputs;
  const of = Object.entries(dimensions as Record<string, string>).map(([name, value]) => `${name}=${value}`);
  const sign = { GreaterThanThreshold: '>', LessThanThreshold: '<' }[String(comparisonOperator)];
  const times = `${datapointsToAlarm} of ${evaluationPeriods} × ${period} s`;
  return `${statistic} ${namespace} ${metricName} ${of.join(' ')} ${sign} ${threshold}, ${times}, silence is ${treatMissingData}`;
}

function alarms(run: ProgramRun): Record<string, string> {
  const all = run.all('aws:cloudwatch/metricAlarm:MetricAlarm');
  return Object.fromEntries(all.map(({ name, inputs }) => [name, describeAlarm(inputs)]));
}

test('an alarm watches the receiver of alerts, if there is one', async () => {
  const run = await runProgram('dev', { changes: { alertWebhookUrl: 'https://hooks.slack.com/services/T0/B0/s3cr3t' } });
  expect(alarms(run)).toMatchObject({
    'sync-dev-webhook-given-up': expect.stringMatching(/^Sum sync-dev webhook-given-up {2}> 0, 1 of 1/),
  });
  const pattern = '{ $.event = "webhook_given_up" }';
  expect(run.all('aws:cloudwatch/logMetricFilter:LogMetricFilter').map(({ inputs }) => inputs.pattern)).toContain(pattern);
  expect(
    Object.values(EVERY_EVENT)
      .flatMap(({ emit }) => linesOf(emit))
      .filter((line) => matches(pattern, line)),
  ).toHaveLength(1);
});

test.each<[StackName, number]>([
  ['dev', 20],
  ['production', 50],
])('the alarms of %s, with a database of %d GiB, watch its own resources', async (stack, gib) => {
  const run = await runProgram(stack, { changes: { scheduleEnabled: true, scheduleMinutes: 15 } });
  const name = `sync-${stack}`;
  const balancer = `LoadBalancer=app/${name}-0123456/50dc6c495c0c9188`;
  const group = `TargetGroup=targetgroup/${name}-0123456/73e2d6bc24d8a067`;
  const task = `ClusterName=${name}-0123456 ServiceName=${name}-0123456`;
  const database = `DBInstanceIdentifier=${String(run.outputs.databaseIdentifier)}`;
  expect(alarms(run)).toEqual({
    [`${name}-jobs-overdue`]: `Maximum ${name} jobs-overdue  > 0, 3 of 3 × 300 s, silence is breaching`,
    [`${name}-store-halted`]: `Sum ${name} store-halted  > 0, 1 of 1 × 300 s, silence is notBreaching`,
    [`${name}-outbox-not-loaded`]: `Sum ${name} outbox-not-loaded  > 0, 4 of 4 × 900 s, silence is notBreaching`,
    [`${name}-metadata-table-not-ours`]: `Sum ${name} metadata-table-not-ours  > 0, 1 of 1 × 900 s, silence is notBreaching`,
    [`${name}-ticks`]: `Sum ${name} ticks  < 3, 1 of 1 × 5400 s, silence is breaching`,
    [`${name}-no-healthy-task`]: `Maximum AWS/ApplicationELB HealthyHostCount ${balancer} ${group} < 1, 3 of 3 × 60 s, silence is breaching`,
    [`${name}-task-errors`]: `Sum AWS/ApplicationELB HTTPCode_Target_5XX_Count ${balancer} ${group} > 5, 1 of 1 × 300 s, silence is notBreaching`,
    [`${name}-load-balancer-errors`]: `Sum AWS/ApplicationELB HTTPCode_ELB_5XX_Count ${balancer} > 5, 1 of 1 × 300 s, silence is notBreaching`,
    [`${name}-dead-letters`]: `Sum AWS/SQS NumberOfMessagesSent QueueName=${name}-dead-letters-0123456 > 0, 1 of 3 × 3600 s, silence is notBreaching`,
    [`${name}-task-cpu`]: `Average AWS/ECS CPUUtilization ${task} > 90, 4 of 4 × 900 s, silence is notBreaching`,
    [`${name}-task-memory`]: `Maximum AWS/ECS MemoryUtilization ${task} > 90, 3 of 3 × 300 s, silence is notBreaching`,
    [`${name}-certificate-expiry`]: `Minimum AWS/CertificateManager DaysToExpiry CertificateArn=arn:aws:acm:eu-north-1:123456789012:Certificate/${name}-0123456 < 30, 1 of 1 × 86400 s, silence is missing`,
    [`${name}-failed-invocations`]: `Sum AWS/Events FailedInvocations RuleName=${name}-0123456 > 0, 1 of 3 × 3600 s, silence is notBreaching`,
    [`${name}-database-cpu`]: `Average AWS/RDS CPUUtilization ${database} > 90, 4 of 4 × 900 s, silence is notBreaching`,
    // A twentieth of the memory, and nine tenths of the connections, of db.t4g.micro and db.t4g.small.
    [`${name}-database-memory`]: `Maximum AWS/RDS FreeableMemory ${database} < ${stack === 'dev' ? 53687091 : 107374182}, 2 of 2 × 900 s, silence is missing`,
    [`${name}-database-connections`]: `Maximum AWS/RDS DatabaseConnections ${database} > ${stack === 'dev' ? 75 : 151}, 3 of 3 × 300 s, silence is notBreaching`,
    // A tenth of the initial storage, in bytes.
    [`${name}-database-storage`]: `Minimum AWS/RDS FreeStorageSpace ${database} < ${(gib / 10) * GIB}, 3 of 3 × 300 s, silence is missing`,
    [`${name}-database-credits`]: `Maximum AWS/RDS CPUCreditBalance ${database} < 20, 3 of 3 × 3600 s, silence is notBreaching`,
  });
});

test("log metrics read the service's own log and feed the alarms", async () => {
  const run = await runProgram('production');
  const filters = run.all('aws:cloudwatch/logMetricFilter:LogMetricFilter').map(({ inputs }) => inputs);
  const namespace = 'sync-production';
  expect(filters).toEqual([
    {
      logGroupName: run.outputs.logGroup,
      pattern: '{ $.event = "jobs_overdue" }',
      metricTransformation: { name: 'jobs-overdue', namespace, value: '$.jobs' },
    },
    {
      logGroupName: run.outputs.logGroup,
      pattern: '{ $.event = "store_halted" }',
      metricTransformation: { name: 'store-halted', namespace, value: '1' },
    },
    {
      logGroupName: run.outputs.logGroup,
      pattern: '{ $.event = "outbox_not_loaded" }',
      metricTransformation: { name: 'outbox-not-loaded', namespace, value: '1' },
    },
    {
      logGroupName: run.outputs.logGroup,
      pattern: '{ $.event = "metadata_table_not_ours" }',
      metricTransformation: { name: 'metadata-table-not-ours', namespace, value: '1' },
    },
    { logGroupName: run.outputs.logGroup, pattern: '{ $.event = "tick" }', metricTransformation: { name: 'ticks', namespace, value: '1' } },
  ]);
});

test('every metric filter matches one event of the service, whose line has the value that the metric takes', async () => {
  const run = await runProgram('production');
  const filters = run.all('aws:cloudwatch/logMetricFilter:LogMetricFilter').map(({ inputs }) => inputs);
  const logged = Object.values(EVERY_EVENT).flatMap(({ emit }) => linesOf(emit));
  expect(filters.length).toBeGreaterThan(0);
  for (const { pattern, metricTransformation } of filters) {
    const matched = logged.filter((line) => matches(String(pattern), line));
    expect(matched).toHaveLength(1);
    expect(metricValue((metricTransformation as { value: string }).value, matched[0]!)).toBeGreaterThanOrEqual(0);
  }
});

test('the dashboard shows lag, runs, rows, quota and invalid values: exactly the metrics that the service logs, in their namespace', async () => {
  const run = await runProgram('production');
  const namespace = taskContainer(run).environment.find(({ name }) => name === 'METRICS_NAMESPACE')!.value;
  const { dashboardName, dashboardBody } = run.one('aws:cloudwatch/dashboard:Dashboard').inputs as Record<string, string>;
  expect(run.outputs.dashboard).toBe(dashboardName);
  const { widgets } = JSON.parse(dashboardBody!) as {
    widgets: { x: number; width: number; properties: { metrics: [string, string][] } }[];
  };
  for (const { x, width } of widgets) expect(x + width).toBeLessThanOrEqual(24);
  const shown = widgets.flatMap(({ properties }) => properties.metrics);
  expect([...new Set(shown.map(([space]) => space))]).toEqual([namespace]);
  const logged = Object.values(EVERY_EVENT)
    .flatMap(({ emit }) => linesOf(emit, namespace))
    .flatMap((line) => (line._aws as { CloudWatchMetrics: { Metrics: { Name: string }[] }[] } | undefined)?.CloudWatchMetrics ?? [])
    .flatMap(({ Metrics }) => Metrics.map(({ Name }) => Name));
  expect(shown.map(([, metric]) => metric).sort()).toEqual([...new Set(logged)].sort());
});

/** Whether CloudWatch's filter matches a line. The program writes filters of this one form. */
function matches(pattern: string, line: LogLine): boolean {
  const [, field, value] = /^\{ \$\.(\w+) = "(\w+)" \}$/.exec(pattern)!;
  return line[field!] === value;
}

/** The value of a metric: a field of the line, or a constant. */
function metricValue(value: string, line: LogLine): number {
  return Number(value.startsWith('$.') ? line[value.slice(2)] : value);
}
