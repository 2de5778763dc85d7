import { AppError } from '../../errors.ts';
import type { Deletes } from '../jobs/deletes.ts';

/** The rows of one slice, counted at each stage. */
export interface SliceCounts {
  /** Salesforce's COUNT() just before and just after the extraction; null if Salesforce did not count */
  salesforceBefore: number | null;
  salesforceAfter: number | null;
  /** reported by Bulk */
  processed: number;
  /** the sum of the page headers */
  rowsInPages: number;
  /** the sum over the load jobs */
  loaded: number;
  /** rows in the staging table */
  staged: number;
}

/** The counts of a whole run after its slices were staged. */
export interface DeltaCounts {
  /** of the base group */
  stagedIds: number;
  /** Ids whose row changed between the queries of its field groups; they are left out */
  torn: number;
  /** of these, the rows whose newest stamp lies before the window's end: no later window reads them by itself */
  tornInWindow: number;
  deltaRows: number;
  /** rows whose Id or cursor is missing or invalid, so they cannot be matched or ordered */
  unusable: number;
}

/** Counts of the staging table of one slice. */
export interface CountedSlice {
  distinctIds: number;
  /** which Ids occur more than once, for example "3 Ids from 001… to 001…"; null: none */
  repeatedIds: string | null;
  /** rows with a cursor value before the end of an open slice; null: not counted */
  rowsBeforeEnd: number | null;
}

/** Counts of a run's delta table. */
export interface CountedDelta {
  counts: DeltaCounts;
  /** of the slices it was built from, in order */
  slices: CountedSlice[];
  /** number of invalid values, by column */
  invalidValues: Record<string, number>;
  /** number of its rows that are deleted in Salesforce */
  deletedRows: number;
  /** the range and months of its rows in the target table */
  firstId: string;
  lastId: string;
  months?: readonly string[] | undefined;
  /** the months of their stamps; undefined: not counted */
  stampMonths?: readonly string[] | undefined;
}

/** Maximum extractions of a slice whose counts do not match before its run fails. */
export const MAX_EXTRACTIONS = 3;

export type Verdict =
  | { ok: true; salesforce: 'exact' | `within ${number}` | 'not counted' }
  /** `acceptable`: all rows that Salesforce returned are staged, but its counts differ from them by so many; an operator may accept that */
  | { ok: false; reason: string; acceptable?: number };

/** Reconciles a slice. The transport counts must be equal; the extracted rows must lie between Salesforce's two counts. */
export function reconcileSlice(counts: SliceCounts): Verdict {
  const { processed, rowsInPages, loaded, staged } = counts;
  if (rowsInPages !== processed)
    return { ok: false, reason: `Salesforce processed ${processed} rows, but its pages contain ${rowsInPages}` };
  if (loaded !== rowsInPages) return { ok: false, reason: `the pages contain ${rowsInPages} rows, but the load jobs wrote ${loaded}` };
  if (staged !== loaded) return { ok: false, reason: `the load jobs wrote ${loaded} rows, but the staging table contains ${staged}` };
  return reconcileWithSalesforce(counts);
}

/** Reconciles the delta table of a run. */
export function reconcileDelta(counts: DeltaCounts): Verdict {
  if (counts.unusable > 0) return { ok: false, reason: `${counts.unusable} rows have no usable Id or cursor` };
  if (counts.deltaRows !== counts.stagedIds - counts.torn) {
    const torn = counts.torn > 0 ? `, ${counts.torn} of which changed while they were being read,` : '';
    return {
      ok: false,
      reason: `the staging tables contain ${counts.stagedIds} distinct Ids${torn || ','} but the delta table contains ${counts.deltaRows} rows`,
    };
  }
  return { ok: true, salesforce: 'not counted' };
}

/**
 * Reconciles the Ids of one slice, in which each record should occur once. Repeated: Salesforce sent a page twice, which a second extraction
 * fixes. Not unique: two extractions repeat the same Ids, so the object's Ids do not identify its records.
 * @param staged rows of the slice
 * @param repeatedBefore the Ids that occurred more than once in an earlier extraction; null: none
 */
export function reconcileIds(
  staged: number,
  { distinctIds, repeatedIds }: CountedSlice,
  repeatedBefore: string | null,
): 'unique' | 'repeated' | 'not unique' {
  if (distinctIds === staged) return 'unique';
  return repeatedIds !== null && repeatedIds === repeatedBefore ? 'not unique' : 'repeated';
}

/** Reconciles the target table after its first MERGE: it must have the rows of the delta, without deleted rows if those are removed. */
export function reconcileTarget(targetRows: number, delta: CountedDelta, deletes: Deletes): Verdict {
  const expected = rowsToKeep(delta, deletes);
  if (targetRows === expected) return { ok: true, salesforce: 'not counted' };
  return { ok: false, reason: `the target table has ${targetRows} rows after its first import; expected ${expected}` };
}

function rowsToKeep({ counts, deletedRows }: CountedDelta, deletes: Deletes): number {
  return deletes === 'remove' ? counts.deltaRows - deletedRows : counts.deltaRows;
}

/** The rows that a MERGE changed, and its options. */
export interface MergeCounts {
  inserted: number;
  updated: number;
  deleted: number;
  /** whether the target table was empty before */
  targetWasEmpty: boolean;
  deletes: Deletes;
}

/**
 * Reconciles a MERGE. Into an empty table, it must insert every row of the delta, without deleted rows if those are removed. Otherwise it
 * changes at most as many rows as the delta has, or fewer, because an older version never replaces a newer one.
 */
export function reconcileMerge({ inserted, updated, deleted, targetWasEmpty, deletes }: MergeCounts, delta: CountedDelta): Verdict {
  const { deltaRows } = delta.counts;
  const touched = inserted + updated + deleted;
  const expected = rowsToKeep(delta, deletes);
  if (touched > deltaRows) {
    const reason = `the delta table has ${deltaRows} rows, but the MERGE touched ${touched}, so the target table contains duplicate Ids. Remove them, then call handle_importing_job`;
    return { ok: false, reason };
  }
  if (targetWasEmpty && touched !== expected) {
    return {
      ok: false,
      reason: `the delta table has ${deltaRows} rows, ${delta.deletedRows} of them deleted, but the MERGE touched ${touched}`,
    };
  }
  return { ok: true, salesforce: 'not counted' };
}

/** How many versions the rows of a delta table have. */
export interface VersionCounts {
  present: number;
  /** distinct Ids among them */
  ids: number;
  /** those that the run added; the others were there already */
  added: number;
}

/** Reconciles the table of versions: each row of the delta that is kept must have exactly one version. */
export function reconcileVersions({ present, ids }: VersionCounts, delta: CountedDelta, deletes: Deletes): Verdict {
  const expected = rowsToKeep(delta, deletes);
  if (ids === expected && present === ids) return { ok: true, salesforce: 'not counted' };
  const found = present === ids ? `${ids} of them have a version` : `they have ${present} versions of ${ids} records`;
  return { ok: false, reason: `the delta table has ${expected} rows to keep, but ${found}` };
}

/** @throws AppError count_mismatch if the counts do not match */
export function requireReconciled(verdict: Verdict): void {
  if (!verdict.ok) throw new AppError('count_mismatch', `The row counts do not match: ${verdict.reason}.`);
}

/**
 * During an extraction, rows only leave a closed slice and only enter an open one (an edit gives a row a newer cursor value),
 * so a complete extraction lies between the two counts, whichever is larger.
 */
function reconcileWithSalesforce({ salesforceBefore: before, salesforceAfter: after, processed }: SliceCounts): Verdict {
  if (before === null || after === null) return { ok: true, salesforce: 'not counted' };
  const [fewest, most] = [Math.min(before, after), Math.max(before, after)];
  if (processed < fewest || processed > most) {
    return {
      ok: false,
      acceptable: Math.max(fewest - processed, processed - most),
      reason: `Salesforce counted ${before} rows before the extraction and ${after} after it, but ${processed} were extracted`,
    };
  }
  return { ok: true, salesforce: before === after ? 'exact' : `within ${Math.abs(before - after)}` };
}
