import type { DetailedRun } from '../../actions/runs/detail-run.ts';
import { BASE_GROUP } from '../../core/fields/field-groups.ts';
import { runStep } from '../../core/runs/run-progress.ts';

/** How much of its rows an open run has loaded, from 0 to 1; undefined: not known yet. */
export function loadedShare(detail: DetailedRun): number | undefined {
  const { progress, state } = detail.run;
  if (runStep(state, progress) === 'writing') return 1;
  const expected = expectedRows(detail);
  return expected ? Math.min((progress?.rows ?? 0) / expected, 1) : undefined;
}

/** The rows that Salesforce counted before the extraction; undefined: not of all slices yet. */
export function expectedRows({ slices }: Pick<DetailedRun, 'slices'>): number | undefined {
  const counts = slices.filter(({ fieldGroup }) => fieldGroup === BASE_GROUP).map(({ countBefore, processed }) => processed ?? countBefore);
  return counts.length > 0 && counts.every((rows) => rows !== null) ? counts.reduce((sum: number, rows) => sum + rows!, 0) : undefined;
}
