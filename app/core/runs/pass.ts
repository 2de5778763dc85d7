import type { Deletes } from '../jobs/deletes.ts';
import type { IdRange } from './slices.ts';

/**
 * What a run reads, beside its range `[from, to)`, and how it writes:
 * - window: all fields of the rows stamped in the range; writes them by upsert, where a newer stamp wins; advances `last_date`. If the object
 *   has no usable cursor: all its rows; replaces the table
 * - reimport: the same rows, or those with the given Ids, whatever has been imported; writes them by upsert, where the later reading wins
 * - rebuild: all rows that the job has imported; replaces the table
 * - sweep: Id, cursor and deletion of all rows of the object; marks the target's rows that are missing there
 */
export type Pass = { readonly kind: 'window' } | Reimport | { readonly kind: 'rebuild' } | { readonly kind: 'sweep' };

/** With `ids`, the rows with these Ids as they are now; otherwise those of the range, and of the range of Ids if there is one. */
export interface Reimport extends IdRange {
  readonly kind: 'reimport';
  /** 18 characters each, in order, each once */
  readonly ids?: readonly string[];
  /** compares the rows with the target table, and writes nothing */
  readonly compare?: boolean;
  /** reads nothing: applies the job's `deletes` to the rows that are marked as deleted */
  readonly treatDeleted?: boolean;
  /** reads nothing: sets the columns of these fields to NULL on all rows, and erases what else is stored of their values */
  readonly clear?: readonly string[];
  /** those of `clear` that the job still reads: a sweep fills their columns afterwards */
  readonly refill?: readonly string[];
  /** reads nothing: erases what is stored of the record whose Id has this hash (core/fields/record-hash.ts) */
  readonly erase?: string;
}

/** A reimport that erases values. */
export type Erasure = Reimport & ({ readonly clear: readonly string[] } | { readonly erase: string });

export type RunKind = Pass['kind'];

/** All kinds of runs. */
export const RUN_KINDS = ['window', 'reimport', 'rebuild', 'sweep'] as const satisfies RunKind[];

/** A pass that repairs what windows have imported. It never advances `last_date`. */
export type RepairPass = Exclude<Pass, { kind: 'window' }>;

/** The properties of a job that decide how its runs write. */
interface WritingJob {
  readonly deletes: Deletes;
  /** null: the object has no usable cursor */
  readonly cursorField: string | null;
  /** whether each version of a record is kept */
  readonly history: boolean;
}

/** Whether a run replaces all rows of the target table, instead of merging its own into them. */
export function replacesTable({ kind }: Pass, { cursorField }: Pick<WritingJob, 'cursorField'>): boolean {
  return kind === 'rebuild' || (kind === 'window' && cursorField === null);
}

/**
 * Whether no other run of the job may write the target table from the run's first read on: a row that another run writes meanwhile would be
 * lost, and one that it removes, or whose versions it blanks, would return.
 */
export function isExclusive(pass: Pass, job: WritingJob): boolean {
  const inserts = pass.kind === 'reimport' && !pass.compare && !pass.treatDeleted && !goesFirst(pass);
  return replacesTable(pass, job) || (inserts && (job.deletes === 'remove' || (job.deletes === 'blank' && job.history)));
}

/** Whether all rows of a run must be in one delta table, which is merged into the target table. */
export function mergesOneDelta(pass: Pass, job: Pick<WritingJob, 'cursorField'>): boolean {
  return (pass.kind === 'window' || pass.kind === 'reimport') && !replacesTable(pass, job);
}

/** Whether a run erases values that no other run may write again: it is queued before all others, which start over. */
export function goesFirst<P extends Pass>(pass: P): pass is P & Erasure {
  return pass.kind === 'reimport' && (pass.clear !== undefined || pass.erase !== undefined);
}

/** Whether a run only compares what it reads. */
export function isComparison(pass: Pass): boolean {
  return pass.kind === 'reimport' && pass.compare === true;
}
