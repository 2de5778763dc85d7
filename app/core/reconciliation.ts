import { AppError } from '../errors.ts';
import type { Deletes } from './deletes.ts';

/** What one slice counted at each stage. Rows, but for `salesforceBefore` and `salesforceAfter`: Salesforce's own COUNT(). */
export interface SliceCounts {
  /** Salesforce's COUNT() just before and just after the extraction; null where it could not be had. */
  salesforceBefore: number | null;
  salesforceAfter: number | null;
  /** what Bulk says it processed */
  processed: number;
  /** the sum of what each page's header says */
  rowsInPages: number;
  /** the sum of what the load jobs put out */
  loaded: number;
  /** rows in the staging table */
  staged: number;
}

/** What a whole run counted after its slices were staged. */
export interface DeltaCounts {
  /** of the base group */
  stagedIds: number;
  /** Ids whose row changed between the queries of its field groups: they are left out */
  torn: number;
  /** of these, the rows whose newest stamp lies before the window's end: no later window reads them by itself */
  tornInWindow: number;
  deltaRows: number;
  /** rows whose Id or cursor is missing or did not cast: they could be neither matched nor ordered */
  unusable: number;
}

/** What was counted in the staging table of one slice. */
export interface CountedSlice {
  distinctIds: number;
  /** which Ids it has more than once, such as "3 Ids from 001… to 001…"; null: none */
  repeatedIds: string | null;
  /** rows stamped before the end of an open slice; null: not counted */
  stampedBefore: number | null;
}

/** What is known of a run's delta table. */
export interface CountedDelta {
  counts: DeltaCounts;
  /** of the slices that it was built of, in their order */
  slices: CountedSlice[];
  /** values whose text did not cast, by column */
  invalidValues: Record<string, number>;
  /** how many of its rows are deleted in Salesforce */
  deletedRows: number;
  /** where its rows lie in the target table */
  firstId: string;
  lastId: string;
  months?: string[] | undefined;
}

export type Verdict = { ok: true; salesforce: 'exact' | `within ${number}` | 'not counted' } | { ok: false; reason: string };

/** Judges a slice. Transport must agree exactly; against Salesforce, what was extracted must lie between the two counts. */
export function judgeSlice(counts: SliceCounts): Verdict {
  const { processed, rowsInPages, loaded, staged } = counts;
  if (rowsInPages !== processed) return { ok: false, reason: `Salesforce processed ${processed} rows but its pages hold ${rowsInPages}` };
  if (loaded !== rowsInPages) return { ok: false, reason: `the pages hold ${rowsInPages} rows but the load jobs wrote ${loaded}` };
  if (staged !== loaded) return { ok: false, reason: `the load jobs wrote ${loaded} rows but the staging table holds ${staged}` };
  return judgeAgainstSalesforce(counts);
}

/** Judges what became of all slices together. */
export function judgeDelta(counts: DeltaCounts): Verdict {
  if (counts.unusable > 0) return { ok: false, reason: `${counts.unusable} rows have no usable Id or cursor` };
  if (counts.deltaRows !== counts.stagedIds - counts.torn) {
    const torn = counts.torn > 0 ? `, ${counts.torn} of which changed while they were read,` : '';
    return {
      ok: false,
      reason: `the staging tables hold ${counts.stagedIds} different Ids${torn} but the delta table ${counts.deltaRows} rows`,
    };
  }
  return { ok: true, salesforce: 'not counted' };
}

/**
 * Judges the Ids of one slice, where every record should be once. Repeated: Salesforce sent a page twice, which a second reading mends.
 * Not unique: two readings have the same Ids more than once, so the object's Ids do not identify its records.
 * @param staged rows of the slice
 * @param repeatedBefore the Ids that an earlier reading had more than once; null: none
 */
export function judgeIds(
  staged: number,
  { distinctIds, repeatedIds }: CountedSlice,
  repeatedBefore: string | null,
): 'unique' | 'repeated' | 'not unique' {
  if (distinctIds === staged) return 'unique';
  return repeatedIds !== null && repeatedIds === repeatedBefore ? 'not unique' : 'repeated';
}

/** Judges the target table after the first MERGE into it: it has the delta's rows, but for deleted ones that are not to be kept. */
export function judgeTarget(targetRows: number, delta: CountedDelta, deletes: Deletes): Verdict {
  const expected = rowsToKeep(delta, deletes);
  if (targetRows === expected) return { ok: true, salesforce: 'not counted' };
  return { ok: false, reason: `the target table has ${targetRows} rows after its first import, not ${expected}` };
}

function rowsToKeep({ counts, deletedRows }: CountedDelta, deletes: Deletes): number {
  return deletes === 'remove' ? counts.deltaRows - deletedRows : counts.deltaRows;
}

/** What a MERGE did, in rows, and what it was to do. */
export interface MergeCounts {
  inserted: number;
  updated: number;
  deleted: number;
  /** no row was there before */
  intoEmpty: boolean;
  deletes: Deletes;
}

/**
 * Judges a MERGE. Into an empty table, every row goes, but for those that are deleted and not to be kept. Otherwise no more rows are touched
 * than there are; there may be fewer, since a row does not give way to an older reading of itself.
 */
export function judgeMerge({ inserted, updated, deleted, intoEmpty, deletes }: MergeCounts, delta: CountedDelta): Verdict {
  const { deltaRows } = delta.counts;
  const touched = inserted + updated + deleted;
  const expected = rowsToKeep(delta, deletes);
  if (touched > deltaRows) {
    const reason = `the delta table has ${deltaRows} rows, but the MERGE touched ${touched}: the target table has Ids twice, remove the doubles and tick again`;
    return { ok: false, reason };
  }
  if (intoEmpty && touched !== expected) {
    return {
      ok: false,
      reason: `the delta table has ${deltaRows} rows, ${delta.deletedRows} of them deleted, but the MERGE touched ${touched}`,
    };
  }
  return { ok: true, salesforce: 'not counted' };
}

/** @throws AppError count_mismatch where the counts do not agree */
export function requireVerdict(verdict: Verdict): void {
  if (!verdict.ok) throw new AppError('count_mismatch', `The counts do not agree: ${verdict.reason}.`);
}

/**
 * While a slice is read, rows only leave a closed one and only enter an open one (a row edited meanwhile gets a newer stamp),
 * so a complete extraction lies between the two counts, whichever is the larger.
 */
function judgeAgainstSalesforce({ salesforceBefore: before, salesforceAfter: after, processed }: SliceCounts): Verdict {
  if (before === null || after === null) return { ok: true, salesforce: 'not counted' };
  if (processed < Math.min(before, after) || processed > Math.max(before, after)) {
    return { ok: false, reason: `Salesforce counted ${before} rows before and ${after} after, but ${processed} were extracted` };
  }
  return { ok: true, salesforce: before === after ? 'exact' : `within ${Math.abs(before - after)}` };
}
