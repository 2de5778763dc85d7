import { expect, test } from '@jest/globals';
import { EVERY_EVENT, type LogLine, linesOf } from '../support/every-event.ts';
import { RECEIPT } from '../support/receipt.ts';

const NAMESPACE = 'sync-production';

/** What CloudWatch takes from a line, as its specification of the embedded metric format says: values by metric name. */
function metricsIn(line: LogLine): Record<string, unknown> {
  const { Timestamp, CloudWatchMetrics } = line._aws as {
    Timestamp: number;
    CloudWatchMetrics: { Namespace: string; Dimensions: string[][]; Metrics: { Name: string; Unit: string }[] }[];
  };
  expect(Math.abs(Date.now() - Timestamp)).toBeLessThan(60_000);
  expect(CloudWatchMetrics).toEqual([expect.objectContaining({ Namespace: NAMESPACE, Dimensions: [[]] })]);
  return Object.fromEntries(CloudWatchMetrics[0]!.Metrics.map(({ Name }) => [Name, line[Name]]));
}

test('in AWS, the log has the metrics of runs, rows, invalid values, lag and quota', () => {
  const lines = Object.values(EVERY_EVENT).flatMap(({ emit }) => linesOf(emit, NAMESPACE));
  const metrics = Object.fromEntries(lines.flatMap((line) => ('_aws' in line ? [[String(line.event), metricsIn(line)]] : [])));
  expect(metrics).toEqual({
    backlog: { queued_runs: 12, claimable_runs: 2, running_runs: 4, lag_hours: 25, api_quota_percent: 41.67 },
    run_succeeded: { runs_succeeded: 1, rows: RECEIPT.delta_rows, invalid_values: expect.any(Number) },
    run_failed: { runs_failed: 1 },
  });
});

test('a metric without a value is left out', () => {
  const [line] = linesOf(
    (events) => events.backlog({ queuedRuns: 0, claimableRuns: 0, runningRuns: 0, lagHours: 0, apiQuotaPercent: undefined }),
    NAMESPACE,
  );
  expect(metricsIn(line!)).toEqual({ queued_runs: 0, claimable_runs: 0, running_runs: 0, lag_hours: 0 });
});

test('without a namespace, the log has none', () => {
  expect(
    Object.values(EVERY_EVENT)
      .flatMap(({ emit }) => linesOf(emit))
      .filter((line) => '_aws' in line),
  ).toEqual([]);
});
