import { areFactsOf } from '../../core/fields/row-facts.ts';
import { replacesTable } from '../../core/runs/pass.ts';
import type { CountedDelta } from '../../core/runs/reconciliation.ts';
import type { Slice } from '../../store/runs/slices.ts';
import type { Extraction } from '../extract/extraction.ts';

/**
 * What a delta table of these slices would contain, if the service counted that while it read the rows: then the staged rows are merged as
 * they are, and two BigQuery jobs less are needed. Undefined if BigQuery has to type and count them first: for several slices, invalid
 * values, a first import, a repair, versions, which are added from the same rows, deleted rows whose
 * invalid values must be erased, or records to leave out.
 */
export function countFromFacts({ run, columns }: Extraction, slices: readonly Slice[]): CountedDelta | undefined {
  const { job, pass, insertOnly } = run;
  const [slice, ...others] = slices;
  const facts = slice?.facts;
  if (!slice || !facts || others.length > 0) return undefined;
  if (pass.kind !== 'window' || replacesTable(pass, job) || job.targetCreatedAt === null || insertOnly || job.history) return undefined;
  if (facts.rows !== slice.staged || !areFactsOf(facts, slice.generation, columns)) return undefined;
  if (job.suppressed.length > 0) return undefined;
  if (facts.deletedRows > 0 && job.deletes !== 'keep') return undefined;
  if (job.partitioned && !facts.months) return undefined;
  const { rows, rowsBeforeEnd, deletedRows, firstId, lastId, months } = facts;
  return {
    counts: { stagedIds: rows, torn: 0, tornInWindow: 0, deltaRows: rows, unusable: 0 },
    slices: [{ distinctIds: rows, repeatedIds: null, rowsBeforeEnd }],
    invalidValues: {},
    deletedRows,
    firstId,
    lastId,
    months: job.partitioned ? months : undefined,
  };
}
