import { sum } from '../sum.ts';
import { isAccepted, type Receipt } from './receipt.ts';

/** A place where a run counts rows, on their way from Salesforce to the target table. */
export interface Stage {
  stage: StageName;
  /** null: not counted, or not yet */
  rows: number | null;
  /** whether the count agrees with that of the stage before; null: there is nothing to compare it with */
  agrees: boolean | null;
  /** why the counts differ, or cannot be compared: a sentence; null: nothing to explain */
  note: string | null;
}

/**
 * The stages, in order:
 * - salesforce_before, salesforce_after: Salesforce's COUNT() before and after the extraction
 * - processed: according to Bulk, or to the REST query
 * - rows_in_pages: according to the headers of the pages
 * - loaded, staged: by the load jobs, in the staging tables
 * - distinct_ids, delta_rows
 * - compared: of a sweep or a comparison, rows compared with the target table
 * - merged: rows of the target table that the run inserted, updated or deleted
 * - target: rows of the target table after a run that replaced it
 * - erased: of an erasure, which has no other stage
 */
export const STAGE_NAMES = [
  'salesforce_before',
  'salesforce_after',
  'processed',
  'rows_in_pages',
  'loaded',
  'staged',
  'distinct_ids',
  'delta_rows',
  'compared',
  'merged',
  'target',
  'erased',
] as const;

export type StageName = (typeof STAGE_NAMES)[number];

const NOT_COUNTED = 'Salesforce did not count the rows.';
const READ_NOTHING = 'The run read nothing from Salesforce: it treated rows that were deleted before.';

/** The counts of a run that has succeeded, from Salesforce to the target table, each compared with the one before. */
export function stagesOf(receipt: Partial<Receipt>): Stage[] {
  if (receipt.rows_erased) return [{ stage: 'erased', rows: sum(Object.values(receipt.rows_erased)), agrees: null, note: null }];
  if (receipt.methods?.length === 0) return [{ stage: 'merged', rows: touchedRows(receipt), agrees: null, note: READ_NOTHING }];
  const { processed, rows_in_pages, loaded, staged, distinct_ids, delta_rows } = receipt;
  return [
    ...salesforceStages(receipt),
    equal('rows_in_pages', rows_in_pages, processed),
    equal('loaded', loaded, rows_in_pages),
    equal('staged', staged, loaded),
    fewer('distinct_ids', distinct_ids, staged, (rows) =>
      rows === 1
        ? '1 row was read again in another slice, and counts once.'
        : `${rows} rows were read again in other slices, and count once.`,
    ),
    deltaStage(delta_rows, distinct_ids, receipt.torn ?? 0),
    ...targetStages(receipt),
  ];
}

function salesforceStages(receipt: Partial<Receipt>): Stage[] {
  const { salesforce_before: before, salesforce_after: after } = receipt;
  const counted = known(before) !== null && known(after) !== null;
  const changed = counted && before !== after ? 'Rows changed while they were read.' : null;
  return [
    { stage: 'salesforce_before', rows: known(before), agrees: null, note: known(before) === null ? NOT_COUNTED : null },
    { stage: 'salesforce_after', rows: known(after), agrees: counted ? true : null, note: counted ? changed : NOT_COUNTED },
    processedStage(receipt),
  ];
}

function processedStage({ salesforce_before: before, salesforce_after: after, processed, verdict }: Partial<Receipt>): Stage {
  const stage = { stage: 'processed', rows: known(processed), agrees: null, note: null } as const;
  if (verdict === undefined || verdict === 'not counted') return stage;
  // The verdict is on each slice: the sums of several slices may not fit each other although each slice's counts do.
  if (!isAccepted(verdict))
    return { ...stage, agrees: true, note: verdict === 'exact' ? null : `Between Salesforce's counts: ${verdict}.` };
  if (!comparable(before, after) || !comparable(processed, after)) return stage;
  // An operator may have accepted something else, such as how many rows a sweep marks.
  const agrees = processed! >= Math.min(before!, after!) && processed! <= Math.max(before!, after!);
  return { ...stage, agrees, note: agrees ? null : `An operator ${verdict}.` };
}

function deltaStage(rows: number | undefined, distinctIds: number | undefined, torn: number): Stage {
  const expected = distinctIds === undefined ? undefined : distinctIds - torn;
  if (torn === 0) return equal('delta_rows', rows, expected);
  const which = torn === 1 ? '1 row changed between the queries of its' : `${torn} rows changed between the queries of their`;
  const note = `${which} field groups: a later window imports ${torn === 1 ? 'it' : 'them'}.`;
  return { ...equal('delta_rows', rows, expected), note };
}

function targetStages(receipt: Partial<Receipt>): Stage[] {
  const { delta_rows: delta } = receipt;
  const touched = touchedRows(receipt);
  if (receipt.rows_after !== undefined) {
    const note = receipt.rows_after === delta ? null : 'Without rows that are removed, or with deleted rows that the job keeps.';
    // A run that replaces the table fails unless the table has the rows that it expects.
    return [{ stage: 'target', rows: receipt.rows_after, agrees: true, note }];
  }
  if (receipt.equal !== undefined) {
    const compared = sum([receipt.equal, receipt.different ?? null, receipt.absent ?? null]);
    const others = fewer('compared', compared, delta, (rows) =>
      rows === 1
        ? '1 of them is not due, was synced meanwhile, or is deleted.'
        : `${rows} of them are not due, were synced meanwhile, or are deleted.`,
    );
    const written: Stage = { stage: 'merged', rows: touched, agrees: null, note: explainMissing(receipt.missing ?? 0) };
    return receipt.missing === undefined ? [others] : [others, written];
  }
  return [fewer('merged', touched, delta, (rows) => `The table has ${rows} of them already as new or newer, or they are deleted.`)];
}

function explainMissing(rows: number): string | null {
  if (rows === 0) return null;
  return rows === 1 ? 'Salesforce no longer has 1 row of the table.' : `Salesforce no longer has ${rows} rows of the table.`;
}

function touchedRows({ inserted, updated, deleted }: Partial<Receipt>): number {
  return sum([inserted ?? null, updated ?? null, deleted ?? null]);
}

/** A count that must equal the one before. */
function equal(stage: StageName, rows: number | null | undefined, before: number | null | undefined): Stage {
  return { stage, rows: known(rows), agrees: comparable(rows, before) ? rows === before : null, note: null };
}

/** A count that may be less than the one before. @param explain why, given by how many */
function fewer(stage: StageName, rows: number | undefined, before: number | undefined, explain: (rows: number) => string): Stage {
  if (!comparable(rows, before)) return { stage, rows: known(rows), agrees: null, note: null };
  return { stage, rows: known(rows), agrees: rows! <= before!, note: rows! < before! ? explain(before! - rows!) : null };
}

function comparable(one: number | null | undefined, other: number | null | undefined): boolean {
  return known(one) !== null && known(other) !== null;
}

function known(rows: number | null | undefined): number | null {
  return rows ?? null;
}

/** The counts of a slice of a run so far. */
export interface SliceProgress {
  countBefore: number | null;
  countAfter: number | null;
  processed: number | null;
  staged: number | null;
  pages: readonly { rows: number | null; loaded: number | null }[];
}

/**
 * The counts of a run that has not succeeded, as far as they are known. They are not compared: rows may still be on their way.
 * @param slices of the base group, so that each row counts once
 */
export function stagesSoFar(slices: readonly SliceProgress[]): Stage[] {
  const pages = slices.flatMap((slice) => slice.pages);
  const counts: [StageName, readonly (number | null)[]][] = [
    ['salesforce_before', slices.map(({ countBefore }) => countBefore)],
    ['salesforce_after', slices.map(({ countAfter }) => countAfter)],
    ['processed', slices.map(({ processed }) => processed)],
    ['rows_in_pages', pages.map(({ rows }) => rows)],
    ['loaded', pages.map(({ loaded }) => loaded)],
    ['staged', slices.map(({ staged }) => staged)],
  ];
  return counts.map(([stage, of]) => ({ stage, rows: of.every((rows) => rows === null) ? null : sum(of), agrees: null, note: null }));
}
