import { describe, expect, test } from '@jest/globals';
import { type ProgramRun, runProgram } from '../support/run-program.ts';
import type { StackName } from '../support/stack-config.ts';

const RULE = 'aws:cloudwatch/eventRule:EventRule';
const ALARM = 'aws:cloudwatch/metricAlarm:MetricAlarm';

describe.each<[StackName, string]>([
  ['dev', 'https://sync-dev.acme.test'],
  ['production', 'https://sync.acme.test'],
])('the schedule of %s', (stack, url) => {
  const load = (): Promise<ProgramRun> => runProgram(stack);

  test('posts an empty request with its key to the tick endpoint, at most once a second', async () => {
    const run = await load();
    expect(run.one('aws:cloudwatch/eventApiDestination:EventApiDestination').inputs).toMatchObject({
      httpMethod: 'POST',
      invocationEndpoint: `${url}/handle_importing_job`,
      invocationRateLimitPerSecond: 1,
    });
    expect(run.one('aws:cloudwatch/eventConnection:EventConnection').inputs).toMatchObject({
      authorizationType: 'API_KEY',
      authParameters: { apiKey: { key: 'X-API-Key', value: expect.stringMatching(/^[0-9a-f]{64}$/) } },
    });
    expect(run.one('aws:cloudwatch/eventTarget:EventTarget', stack).inputs.input).toBe('{}');
  });

  test('retries twice within five minutes, then keeps the tick for four days for inspection', async () => {
    const run = await load();
    expect(run.one('aws:cloudwatch/eventTarget:EventTarget', stack).inputs).toMatchObject({
      retryPolicy: { maximumEventAgeInSeconds: 300, maximumRetryAttempts: 2 },
      deadLetterConfig: { arn: expect.stringContaining('dead-letters') },
    });
    expect(run.one('aws:sqs/queue:Queue').inputs).toMatchObject({ messageRetentionSeconds: 345600, sqsManagedSseEnabled: true });
  });

  test('sends an email when an alarm fires and when it clears', async () => {
    const run = await load();
    const topic = `arn:aws:sns:eu-north-1:123456789012:Topic/sync-${stack}-alarms-0123456`;
    expect(run.one('aws:sns/topicSubscription:TopicSubscription', `sync-${stack}-oncall@acme.test`).inputs).toEqual({
      topic,
      protocol: 'email',
      endpoint: 'oncall@acme.test',
    });
    expect(run.all(ALARM).length).toBeGreaterThanOrEqual(7);
    for (const { inputs } of run.all(ALARM)) expect(inputs).toMatchObject({ alarmActions: [topic], okActions: [topic] });
  });

  test('has an alarm for overdue jobs, which also fires when the service logs nothing', async () => {
    const run = await load();
    const { name, namespace, value } = run.one('aws:cloudwatch/logMetricFilter:LogMetricFilter', 'jobs-overdue').inputs
      .metricTransformation as Record<string, string>;
    expect(run.one('aws:cloudwatch/logMetricFilter:LogMetricFilter', 'jobs-overdue').inputs.pattern).toBe('{ $.event = "jobs_overdue" }');
    expect(value).toBe('$.jobs');
    expect(run.one(ALARM, 'jobs-overdue').inputs).toMatchObject({
      namespace,
      metricName: name,
      comparisonOperator: 'GreaterThanThreshold',
      threshold: 0,
      treatMissingData: 'breaching',
    });
  });

  test('has an alarm for everything that can fail: tasks, responses, deliveries, storage and credits', async () => {
    const run = await load();
    const names = run.all(ALARM).map(({ inputs }) => `${String(inputs.namespace)} ${String(inputs.metricName)}`);
    expect(names).toEqual(
      expect.arrayContaining([
        'AWS/ApplicationELB HealthyHostCount',
        'AWS/ApplicationELB HTTPCode_Target_5XX_Count',
        'AWS/ApplicationELB HTTPCode_ELB_5XX_Count',
        'AWS/SQS NumberOfMessagesSent',
        'AWS/RDS FreeStorageSpace',
        'AWS/RDS CPUCreditBalance',
      ]),
    );
    expect(run.one(ALARM, 'no-healthy-task').inputs).toMatchObject({
      comparisonOperator: 'LessThanThreshold',
      threshold: 1,
      treatMissingData: 'breaching',
    });
  });
});

test('the first update enables the schedule; switched off, missing ticks raise no alarm', async () => {
  const off = await runProgram('dev', { changes: { scheduleEnabled: false } });
  expect((await runProgram('dev')).one(RULE, 'dev').inputs.state).toBe('ENABLED');
  expect(off.one(RULE, 'dev').inputs).toMatchObject({ state: 'DISABLED', scheduleExpression: 'rate(15 minutes)' });
  expect(off.all(ALARM).filter(({ name }) => name.endsWith('-ticks'))).toEqual([]);
  const on = await runProgram('dev', { changes: { scheduleEnabled: true, scheduleMinutes: 5 } });
  expect(on.one(RULE, 'dev').inputs).toMatchObject({ state: 'ENABLED', scheduleExpression: 'rate(5 minutes)' });
  expect(on.one(ALARM, '-ticks').inputs).toMatchObject({
    comparisonOperator: 'LessThanThreshold',
    period: 1800,
    threshold: 3,
    treatMissingData: 'breaching',
  });
});

test.each([
  [1, 'rate(1 minute)', 1, 360, 3],
  [60, 'rate(60 minutes)', 1, 21600, 3],
  [720, 'rate(720 minutes)', 1, 86400, 1],
  // With one tick a day, a slightly late one leaves a day without any.
  [1440, 'rate(1440 minutes)', 2, 86400, 1],
])(
  'a tick every %d minutes is %s, and over %d × %d seconds the service must accept %d per period',
  async (scheduleMinutes, expression, evaluationPeriods, period, threshold) => {
    const run = await runProgram('dev', { changes: { scheduleEnabled: true, scheduleMinutes } });
    expect(run.one(RULE, 'dev').inputs.scheduleExpression).toBe(expression);
    expect(run.one(ALARM, '-ticks').inputs).toMatchObject({ evaluationPeriods, period, threshold });
  },
);

test.each([1, 60, 1440])(
  'with a tick every %d minutes, a single dead letter raises an alarm even if SQS reports it late',
  async (scheduleMinutes) => {
    const run = await runProgram('dev', { changes: { scheduleEnabled: true, scheduleMinutes } });
    const alarm = run.one(ALARM, 'dead-letters').inputs;
    expect(alarm).toMatchObject({
      statistic: 'Sum',
      comparisonOperator: 'GreaterThanThreshold',
      threshold: 0,
      datapointsToAlarm: 1,
      treatMissingData: 'notBreaching',
    });
    expect(Number(alarm.period) * Number(alarm.evaluationPeriods)).toBeGreaterThan(2 * 900);
    // The alarm must clear before a message expires, so that a later one fires it again.
    expect(Number(alarm.period) * Number(alarm.evaluationPeriods)).toBeLessThan(
      Number(run.one('aws:sqs/queue:Queue').inputs.messageRetentionSeconds),
    );
  },
);

test.each([1, 60, 1440])("with a tick every %d minutes, every alarm is within CloudWatch's limits", async (scheduleMinutes) => {
  const run = await runProgram('dev', { changes: { scheduleEnabled: true, scheduleMinutes } });
  for (const { name, inputs } of run.all(ALARM)) {
    const [period, periods] = [Number(inputs.period), Number(inputs.evaluationPeriods)];
    expect({ name, fits: period % 60 === 0 && period <= 86400 }).toEqual({ name, fits: true });
    // Seven days, or one day with periods shorter than an hour.
    expect({ name, fits: period * periods <= (period >= 3600 ? 604800 : 86400) }).toEqual({ name, fits: true });
    expect(Number(inputs.datapointsToAlarm ?? periods)).toBeLessThanOrEqual(periods);
  }
});

test('the alarm for missing tasks is silent while any zone has a healthy task', async () => {
  const run = await runProgram('production');
  expect(run.one(ALARM, 'no-healthy-task').inputs.statistic).toBe('Maximum');
});

test('a new database, which starts without CPU credits, raises no alarm', async () => {
  const run = await runProgram('dev');
  const { statistic, period, evaluationPeriods, treatMissingData, threshold } = run.one(ALARM, 'database-credits').inputs;
  expect({ statistic, treatMissingData }).toEqual({ statistic: 'Maximum', treatMissingData: 'notBreaching' });
  // db.t4g.micro earns twelve an hour.
  expect((Number(period) * Number(evaluationPeriods) * 12) / 3600).toBeGreaterThan(Number(threshold));
});

test('a database class without CPU credits has no alarm for them', async () => {
  const run = await runProgram('production', { changes: { databaseInstanceClass: 'db.m8g.large' } });
  expect(run.all(ALARM).filter(({ inputs }) => inputs.metricName === 'CPUCreditBalance')).toEqual([]);
});
