import type { FieldColumn } from '../fields/columns.ts';
import { countFittingSlices } from './run-slices.ts';
import { type SlicePlan, sharesRows } from './slices.ts';

/**
 * Divides a run's slices, in reading order, into batches that one delta statement can name. Slices of different field groups that may have
 * rows in common stay together, because the statement joins them.
 */
export function batchSlices<Slice extends SlicePlan>(
  slices: readonly Slice[],
  columns: readonly FieldColumn[],
  cursorField: string | null,
  maxSlices: number,
): Slice[][] {
  const batches: Slice[][] = [];
  for (let rest = slices; rest.length > 0; ) {
    const cuts = rest.map((_, index) => index + 1).filter((cut) => canCut(rest, cut));
    const fitting = countFittingSlices(rest, columns, cursorField, maxSlices);
    const cut = cuts.findLast((candidate) => candidate <= fitting) ?? cuts[0]!;
    batches.push(rest.slice(0, cut));
    rest = rest.slice(cut);
  }
  return batches;
}

function canCut(slices: readonly SlicePlan[], cut: number): boolean {
  const [before, after] = [slices.slice(0, cut), slices.slice(cut)];
  return !after.some((late) => before.some((early) => early.fieldGroup !== late.fieldGroup && sharesRows(early, late)));
}
