import { expect, test } from '@jest/globals';
import { EVERY_EVENT, linesOf } from '../../support/every-event.ts';
import { runProgram } from '../support/run-program.ts';

const TARGET = 'aws:appautoscaling/target:Target';

test('by default, the number of tasks is fixed', async () => {
  expect((await runProgram('production')).all(TARGET)).toEqual([]);
  expect((await runProgram('production', { changes: { taskCount: 0, maxTaskCount: 3 } })).all(TARGET)).toEqual([]);
});

test('with maxTaskCount, more tasks run while runs wait for a worker: as many per task as it has workers', async () => {
  const run = await runProgram('production', { changes: { taskCount: 2, maxTaskCount: 5 } });
  expect(run.one(TARGET).inputs).toEqual({
    serviceNamespace: 'ecs',
    scalableDimension: 'ecs:service:DesiredCount',
    resourceId: 'service/sync-production-0123456/sync-production-0123456',
    minCapacity: 2,
    maxCapacity: 5,
  });
  const policy = run.one('aws:appautoscaling/policy:Policy').inputs.targetTrackingScalingPolicyConfiguration as {
    targetValue: number;
    customizedMetricSpecification: { metrics: { id: string; expression?: string; metricStat?: { metric: object; stat: string } }[] };
  };
  expect(policy.targetValue).toBe(4);
  const { metrics } = policy.customizedMetricSpecification;
  expect(metrics.flatMap(({ expression }) => expression ?? [])).toEqual(['(claimable + running) / tasks']);
  // Every task reports the backlog of all, once a minute: the number of its reports is the number of tasks.
  expect(Object.fromEntries(metrics.flatMap(({ id, metricStat }) => (metricStat ? [[id, metricStat.stat]] : [])))).toEqual({
    claimable: 'Maximum',
    running: 'Maximum',
    tasks: 'SampleCount',
  });
  const logged = linesOf(EVERY_EVENT.backlog.emit, 'sync-production')[0]!;
  for (const { id, metricStat } of metrics.filter((one) => one.metricStat)) {
    const { namespace, metricName } = metricStat!.metric as { namespace: string; metricName: string };
    expect({ id, namespace, isLogged: metricName in logged }).toEqual({ id, namespace: 'sync-production', isLogged: true });
  }
});
