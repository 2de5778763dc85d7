import type { Settings } from '../config.ts';

/** The metrics that the service writes to its log; a test checks that it does. */
type Metric =
  | 'queued_runs'
  | 'claimable_runs'
  | 'running_runs'
  | 'lag_hours'
  | 'api_quota_percent'
  | 'runs_succeeded'
  | 'runs_failed'
  | 'rows'
  | 'invalid_values';

interface Widget {
  title: string;
  metrics: Metric[];
  /** every task reports the whole backlog: sums would count it several times */
  stat: 'Maximum' | 'Sum';
  periodSeconds: number;
}

const HOUR = 3600;

const WIDGETS: Widget[] = [
  { title: 'Lag: age of the oldest last_date, in hours', metrics: ['lag_hours'], stat: 'Maximum', periodSeconds: 300 },
  { title: 'Runs waiting and running', metrics: ['queued_runs', 'claimable_runs', 'running_runs'], stat: 'Maximum', periodSeconds: 300 },
  { title: 'Runs ended, per hour', metrics: ['runs_succeeded', 'runs_failed'], stat: 'Sum', periodSeconds: HOUR },
  { title: 'Rows, per hour', metrics: ['rows'], stat: 'Sum', periodSeconds: HOUR },
  {
    title: "Of an org's daily API calls, used by all clients, in percent",
    metrics: ['api_quota_percent'],
    stat: 'Maximum',
    periodSeconds: 300,
  },
  { title: 'Invalid values, per hour', metrics: ['invalid_values'], stat: 'Sum', periodSeconds: HOUR },
];

/** Two widgets in a row of CloudWatch's grid, which has 24 columns. */
const [WIDTH, HEIGHT] = [12, 6];

/** The dashboard in CloudWatch's JSON. */
export function dashboardBody({ name, region }: Settings): string {
  const widgets = WIDGETS.map(({ title, metrics, stat, periodSeconds }, index) => ({
    type: 'metric',
    x: (index % 2) * WIDTH,
    y: Math.floor(index / 2) * HEIGHT,
    width: WIDTH,
    height: HEIGHT,
    properties: { title, region, stat, period: periodSeconds, view: 'timeSeries', metrics: metrics.map((metric) => [name, metric]) },
  }));
  return JSON.stringify({ widgets });
}
