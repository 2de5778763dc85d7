import type { Verdict } from './reconciliation.ts';

/** What replacing a target table changes, in rows. */
export interface Replacement {
  /** the delta tables that it was counted from */
  readonly of: string;
  /** that it has afterwards */
  readonly rows: number;
  /** that it has before */
  readonly before: number;
  /** distinct Ids that are not deleted before */
  readonly live: number;
  /** of these, the Ids that Salesforce no longer returns */
  readonly missing: number;
}

/** Reconciles the target table after it was replaced. */
export function reconcileReplacement(targetRows: number, { rows }: Replacement): Verdict {
  if (targetRows === rows) return { ok: true, salesforce: 'not counted' };
  return { ok: false, reason: `the target table has ${targetRows} rows after it was replaced; expected ${rows}` };
}
