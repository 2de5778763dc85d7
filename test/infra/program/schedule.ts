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

  test('posts an empty request with its key to the tick, once a second at most', async () => {
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
    expect(run.one('aws:cloudwatch/eventTarget:EventTarget').inputs.input).toBe('{}');
  });

  test('tries again for five minutes, twice, and then leaves the tick for four days to be looked at', async () => {
    const run = await load();
    expect(run.one('aws:cloudwatch/eventTarget:EventTarget').inputs).toMatchObject({
      retryPolicy: { maximumEventAgeInSeconds: 300, maximumRetryAttempts: 2 },
      deadLetterConfig: { arn: expect.stringContaining('dead-letters') },
    });
    expect(run.one('aws:sqs/queue:Queue').inputs).toMatchObject({ messageRetentionSeconds: 345600, sqsManagedSseEnabled: true });
  });

  test('tells someone of each alarm, when it goes off and when it is over', async () => {
    const run = await load();
    const topic = `arn:aws:sns:eu-north-1:123456789012:Topic/sync-${stack}-alarms-0123456`;
    expect(run.one('aws:sns/topicSubscription:TopicSubscription').inputs).toEqual({
      topic,
      protocol: 'email',
      endpoint: 'oncall@acme.test',
    });
    expect(run.all(ALARM).length).toBeGreaterThanOrEqual(7);
    for (const { inputs } of run.all(ALARM)) expect(inputs).toMatchObject({ alarmActions: [topic], okActions: [topic] });
  });

  test('has an alarm when jobs are behind, which also goes off when the service says nothing', async () => {
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

  test('has an alarm for each part that can fail: tasks, answers, deliveries, storage and credits', async () => {
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

test('the schedule is off until it is switched on, and only then are missing ticks an alarm', async () => {
  const off = await runProgram('dev');
  expect(off.one(RULE).inputs).toMatchObject({ state: 'DISABLED', scheduleExpression: 'rate(60 minutes)' });
  expect(off.all(ALARM).filter(({ name }) => name.endsWith('-ticks'))).toEqual([]);
  const on = await runProgram('dev', { changes: { scheduleEnabled: true, scheduleMinutes: 5 } });
  expect(on.one(RULE).inputs).toMatchObject({ state: 'ENABLED', scheduleExpression: 'rate(5 minutes)' });
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
  // One a day: a second late, and a day has none.
  [1440, 'rate(1440 minutes)', 2, 86400, 1],
])(
  'a tick every %d minutes is %s, watched over %d times %d seconds, in each of which %d must be accepted',
  async (scheduleMinutes, expression, evaluationPeriods, period, threshold) => {
    const run = await runProgram('dev', { changes: { scheduleEnabled: true, scheduleMinutes } });
    expect(run.one(RULE).inputs.scheduleExpression).toBe(expression);
    expect(run.one(ALARM, '-ticks').inputs).toMatchObject({ evaluationPeriods, period, threshold });
  },
);

test.each([1, 60, 1440])(
  'with a tick every %d minutes a single dead letter is an alarm, though SQS may tell of it late',
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
    // So that a second letter, long after the first, is told too.
    expect(Number(alarm.period) * Number(alarm.evaluationPeriods)).toBeLessThan(
      Number(run.one('aws:sqs/queue:Queue').inputs.messageRetentionSeconds),
    );
  },
);

test.each([1, 60, 1440])('with a tick every %d minutes every alarm looks back as CloudWatch lets it', async (scheduleMinutes) => {
  const run = await runProgram('dev', { changes: { scheduleEnabled: true, scheduleMinutes } });
  for (const { name, inputs } of run.all(ALARM)) {
    const [period, periods] = [Number(inputs.period), Number(inputs.evaluationPeriods)];
    expect({ name, fits: period % 60 === 0 && period <= 86400 }).toEqual({ name, fits: true });
    // Seven days, or one with periods of less than an hour.
    expect({ name, fits: period * periods <= (period >= 3600 ? 604800 : 86400) }).toEqual({ name, fits: true });
    expect(Number(inputs.datapointsToAlarm ?? periods)).toBeLessThanOrEqual(periods);
  }
});

test('an alarm of missing tasks asks whether any zone has a healthy one', async () => {
  const run = await runProgram('production');
  expect(run.one(ALARM, 'no-healthy-task').inputs.statistic).toBe('Maximum');
});

test("a new database's credits are no alarm: it begins with none", async () => {
  const run = await runProgram('dev');
  const { statistic, period, evaluationPeriods, treatMissingData, threshold } = run.one(ALARM, 'database-credits').inputs;
  expect({ statistic, treatMissingData }).toEqual({ statistic: 'Maximum', treatMissingData: 'notBreaching' });
  // db.t4g.micro earns twelve an hour.
  expect((Number(period) * Number(evaluationPeriods) * 12) / 3600).toBeGreaterThan(Number(threshold));
});

test('a database that earns no credits has no alarm for them', async () => {
  const run = await runProgram('production', { changes: { databaseInstanceClass: 'db.m8g.large' } });
  expect(run.all(ALARM).filter(({ inputs }) => inputs.metricName === 'CPUCreditBalance')).toEqual([]);
});
