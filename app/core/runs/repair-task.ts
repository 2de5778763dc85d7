import type { Reimport } from './pass.ts';

/** What a run of the kind `reimport` does. */
export type RepairTask = 'reimport' | 'compare' | 'treat_deleted' | 'clear' | 'erase';

/** @param scope as stored with the run */
export function repairTask({ erase, clear, compare, treatDeleted }: Omit<Reimport, 'kind'>): RepairTask {
  if (erase !== undefined) return 'erase';
  if (clear !== undefined) return 'clear';
  if (compare) return 'compare';
  return treatDeleted ? 'treat_deleted' : 'reimport';
}
