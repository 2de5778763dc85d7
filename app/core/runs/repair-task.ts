/** What a run of the kind `reimport` does. */
export type RepairTask = 'reimport' | 'compare' | 'treat_deleted' | 'clear' | 'erase';

/** What decides it, of the scope that is stored with the run. */
export interface RepairScope {
  erase?: unknown;
  clear?: unknown;
  compare?: unknown;
  treatDeleted?: unknown;
}

export function repairTask({ erase, clear, compare, treatDeleted }: RepairScope): RepairTask {
  if (erase !== undefined) return 'erase';
  if (clear !== undefined) return 'clear';
  if (compare) return 'compare';
  return treatDeleted ? 'treat_deleted' : 'reimport';
}
