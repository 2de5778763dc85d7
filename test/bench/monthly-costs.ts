import { formatTable } from '../../app/commands/output/table.ts';
import { rowBytes } from '../../app/core/fields/partitioning.ts';
import { type MonthlyCost, monthlyCost, type Profile } from '../../app/core/jobs/monthly-cost.ts';

/** What windows cost, as `windows` measures it: those that are due together share calls. */
export interface MeasuredWindows {
  emptyCalls: number;
  emptyJobs: number;
  smallCalls: number;
  smallJobs: number;
  smallBilledMb: number;
}

/** The measured windows with changes have as many rows. */
const CHANGED_ROWS = 100;

const COLUMNS_PER_OBJECT = 40;

const table = (rows: number): Pick<Profile, 'rows' | 'rowBytes' | 'partitioned' | 'changedRows'> => ({
  rows,
  rowBytes: rowBytes(COLUMNS_PER_OBJECT),
  partitioned: false,
  changedRows: CHANGED_ROWS,
});

/** Companies of three sizes. */
export const PROFILES: Record<string, Profile> = {
  small: { objects: 20, every: 'day', changing: 0.5, ...table(20_000) },
  medium: { objects: 200, every: '15m', changing: 0.1, ...table(100_000) },
  large: { objects: 500, every: '1h', changing: 0.25, ...table(500_000) },
};

/** The monthly cost of each profile. */
export function monthlyCosts(measured: MeasuredWindows): Record<string, MonthlyCost> {
  const { emptyCalls, emptyJobs, smallCalls, smallJobs, smallBilledMb } = measured;
  const empty = { calls: emptyCalls, jobs: emptyJobs, bytesBilled: 0 };
  const changed = { calls: smallCalls, jobs: smallJobs, bytesBilled: smallBilledMb * 1024 ** 2 };
  return Object.fromEntries(Object.entries(PROFILES).map(([name, profile]) => [name, monthlyCost(profile, empty, changed)]));
}

const HEADINGS = [
  'profile',
  'objects',
  'every',
  'rows each',
  'with changes',
  'windows',
  'calls',
  'calls a day',
  'jobs',
  'GB billed',
  'queries',
  'storage',
];

/** Their costs as a table for the terminal. */
export function monthlyTable(costs: Record<string, MonthlyCost>, width: number): string[] {
  const columns = HEADINGS.map((name, index) => ({ name, numeric: index > 0 && name !== 'every' }));
  return formatTable(
    columns,
    Object.entries(costs).map(([name, cost]) => {
      const { objects, every, rows, changing } = PROFILES[name]!;
      const dollars = [cost.queryDollars, cost.storageDollars].map((amount) => `$${amount.toFixed(2)}`);
      const amounts = [cost.windows, cost.calls, cost.callsPerDay, cost.jobs, cost.bytesBilled / 1e9].map(whole);
      return [name, whole(objects), every, whole(rows), `${changing * 100}%`, ...amounts, ...dollars];
    }),
    width,
  );
}

function whole(amount: number): string {
  return Math.round(amount).toLocaleString('en');
}
