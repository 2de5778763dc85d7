import type { Repair } from '../../store/runs/queue-runs.ts';
import type { Run } from '../../store/runs/runs.ts';
import type { ExtractedRun } from '../extract/extract-run.ts';

/** What is left of a reimport whose run had to be shortened: the next run of its chain; undefined: nothing. */
export function restOfReimport({ pass, window, repairTo }: Run, { staged }: ExtractedRun): Repair | undefined {
  if (pass.kind !== 'reimport' || repairTo === null) return undefined;
  if (pass.ids) {
    const read = new Set(staged.flatMap(({ slice }) => slice.ids ?? []));
    const ids = pass.ids.filter((id) => !read.has(id));
    return ids.length > 0 ? { ...pass, ids, window } : undefined;
  }
  return repairTo > window.to ? { ...pass, window: { from: window.to, to: repairTo } } : undefined;
}
