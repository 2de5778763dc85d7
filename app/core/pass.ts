import type { Deletes } from './deletes.ts';
import type { IdRange } from './slices.ts';

/**
 * What a run reads, beside its range `[from, to)`, and how it writes:
 * - window: all fields of the rows stamped in the range; writes them by upsert, where a newer stamp wins; advances `last_date`
 * - reimport: the same rows, or those with the given Ids, whatever has been imported; writes them by upsert, where the later reading wins
 * - sweep: Id, cursor and deletion of all rows of the object; marks the target's rows that are missing there
 */
export type Pass = { readonly kind: 'window' } | Reimport | { readonly kind: 'sweep' };

/** With `ids`, the rows with these Ids as they are now; otherwise those of the range, and of the range of Ids if there is one. */
export interface Reimport extends IdRange {
  readonly kind: 'reimport';
  /** 18 characters each, in order, each once */
  readonly ids?: readonly string[];
}

export type RunKind = Pass['kind'];

/** A pass that repairs what windows have imported. It never advances `last_date`. */
export type RepairPass = Exclude<Pass, { kind: 'window' }>;

/**
 * Whether no other run of the job may write the target table from the run's first read on: a row that another run removes meanwhile would
 * return.
 */
export function isExclusive({ kind }: Pass, deletes: Deletes): boolean {
  return kind === 'reimport' && deletes === 'remove';
}

/** Whether all rows of a run must be in one delta table, which is merged into the target table. */
export function mergesOneDelta({ kind }: Pass): boolean {
  return kind === 'window' || kind === 'reimport';
}
