import { BASE_GROUP } from '../../core/fields/field-groups.ts';
import { closedPart, countMissedRows, rereadStart } from '../../core/runs/missed-rows.ts';
import { type CountedDelta, type CountedSlice, MAX_EXTRACTIONS, reconcileIds } from '../../core/runs/reconciliation.ts';
import { overlaps } from '../../core/runs/slices.ts';
import { AppError } from '../../errors.ts';
import type { Run } from '../../store/runs/runs.ts';
import { type Slice, saveSlice, startGeneration } from '../../store/runs/slices.ts';
import { countOrNull } from './count-or-null.ts';
import { type Extraction, rowRange } from './extraction.ts';

/** How a slice's staging table compares with Salesforce's count afterwards. */
export interface Finding {
  slice: Slice;
  hasRepeatedIds: boolean;
  /** rows that were not read and that no later window would read */
  missed: number;
}

/** How often each slice was read again, by ordinal. */
export type Rereads = ReadonlyMap<number, number>;

const EMPTY: CountedSlice = { distinctIds: 0, repeatedIds: null, rowsBeforeEnd: 0 };

/**
 * Compares each staged slice with its counts in the delta table and with Salesforce's.
 * @param delta undefined: there are no rows
 * @throws AppError ids_not_unique
 */
export async function checkSlices(extraction: Extraction, slices: readonly Slice[], delta: CountedDelta | undefined): Promise<Finding[]> {
  const filled = slices.filter(hasRows);
  const counted = new Map(delta && filled.map(({ ordinal }, index) => [ordinal, delta.slices[index]!]));
  const findings: Finding[] = [];
  for (const slice of slices) findings.push(await checkSlice(extraction, slice, delta, counted.get(slice.ordinal)));
  return findings;
}

/** Whether a slice has rows in its staging table. */
export function hasRows({ staged }: Slice): boolean {
  return staged !== 0;
}

/**
 * Requests slices again if Ids repeat or if Salesforce counts rows that were not read.
 * @returns how often each slice was read again by now; undefined if all are complete
 * @throws AppError count_mismatch if every extraction of a slice repeats different Ids
 */
export async function rereadIncomplete(
  extraction: Extraction,
  findings: readonly Finding[],
  rereads: Rereads,
): Promise<Rereads | undefined> {
  const incomplete = findings.filter(({ slice, ...found }) => needsReread(found, rereads.get(slice.ordinal) ?? 0));
  if (incomplete.length === 0) return undefined;
  for (const found of slicesToReread(findings, incomplete)) await readAgain(extraction, found);
  const counts = incomplete.map(({ slice }) => [slice.ordinal, (rereads.get(slice.ordinal) ?? 0) + 1] as const);
  return new Map([...rereads, ...counts]);
}

/**
 * The base group has to be read again for rows that only another group lacks or has, since its rows are those of the delta. Slices of other
 * groups follow those of the base group by themselves (`startGeneration`).
 */
function slicesToReread(findings: readonly Finding[], incomplete: readonly Finding[]): Finding[] {
  const isBase = ({ slice }: Finding): boolean => slice.fieldGroup === BASE_GROUP;
  const lacking = incomplete.filter((found) => !isBase(found) && found.missed > 0);
  const base = findings
    .filter(isBase)
    .filter((found) => incomplete.includes(found) || lacking.some(({ slice }) => overlaps(slice, found.slice)));
  const others = incomplete.filter((found) => !isBase(found) && !base.some(({ slice }) => overlaps(slice, found.slice)));
  return withOpenSlices(findings, [...base, ...others]);
}

/**
 * A row that is edited between the two readings of a closed slice moves into an open one, which must be read after both. Its other field
 * groups follow the base group by themselves.
 */
function withOpenSlices(findings: readonly Finding[], again: readonly Finding[]): Finding[] {
  const open = findings.filter((found) => found.slice.open && found.slice.fieldGroup === BASE_GROUP && !again.includes(found));
  return again.some(({ slice }) => !slice.open && !slice.nullCursor) ? [...again, ...open] : [...again];
}

/** @throws AppError ids_not_unique */
async function checkSlice(
  extraction: Extraction,
  slice: Slice,
  delta: CountedDelta | undefined,
  counted: CountedSlice = EMPTY,
): Promise<Finding> {
  const { context, run } = extraction;
  // Without a delta the base group has no rows, and those of another group were not counted.
  if (!delta)
    return { slice, hasRepeatedIds: false, missed: slice.fieldGroup === BASE_GROUP ? countMissedRows(slice) : (slice.staged ?? 0) };
  const ids = reconcileIds(slice.staged ?? 0, counted, slice.repeatedIds);
  if (ids === 'not unique') {
    const message = `Two extractions of ${run.job.objectName} repeated the same Ids (${counted.repeatedIds}), so its rows cannot be matched by Id. Pause the job.`;
    throw new AppError('ids_not_unique', message, { details: { staged: slice.staged, distinct_ids: counted.distinctIds } });
  }
  if (ids === 'repeated' && counted.repeatedIds) {
    await saveSlice(context.database, run, slice.ordinal, { repeatedIds: counted.repeatedIds });
  }
  const torn = slice.fieldGroup === BASE_GROUP ? delta.counts.tornInWindow : 0;
  return { slice, hasRepeatedIds: ids === 'repeated', missed: torn + (await countMissed(extraction, slice, counted)) };
}

/**
 * Rows of an open slice edited after its end do not count as missed: the next window reads them. A sweep misses none: rows that were inserted
 * meanwhile belong to later windows, and it confirms each row that it does not find.
 */
async function countMissed(extraction: Extraction, slice: Slice, { rowsBeforeEnd }: CountedSlice): Promise<number> {
  if (extraction.run.pass.kind === 'sweep') return 0;
  const notRead = countMissedRows(slice);
  const part = closedPart(slice, extraction.run.job.cursorField);
  if (notRead === 0 || !part) return notRead;
  if (part.cursorFrom >= part.cursorTo || rowsBeforeEnd === null) return 0;
  const now = await countOrNull(extraction, rowRange(extraction, part));
  return now === null ? 0 : Math.max(0, now - rowsBeforeEnd);
}

/** @throws AppError count_mismatch if every extraction of a slice repeats different Ids */
function needsReread({ hasRepeatedIds, missed }: Omit<Finding, 'slice'>, rereads: number): boolean {
  if (hasRepeatedIds && rereads + 1 >= MAX_EXTRACTIONS) {
    throw new AppError('count_mismatch', `Salesforce returned duplicate records in ${MAX_EXTRACTIONS} consecutive extractions.`);
  }
  return hasRepeatedIds || (missed > 0 && rereads === 0);
}

async function readAgain({ context, run }: Extraction, { slice, hasRepeatedIds, missed }: Finding): Promise<void> {
  context.events.sliceRepeated(run, slice, rereadReason(hasRepeatedIds, missed));
  await startGeneration(context.database, run, slice);
}

function rereadReason(hasRepeatedIds: boolean, missed: number): string {
  if (hasRepeatedIds) return 'Salesforce returned some Ids more than once';
  return missed > 0 ? `Salesforce counts ${missed} rows that were not extracted` : 'an earlier slice is read again';
}

/** The next window rereads rows with a cursor value from here on, which two extractions missed; null: none, or only listed Ids. */
export function earliestMissed({ window, job }: Run, findings: readonly Finding[]): Date | null {
  // The next window reads an object without a cursor whole.
  if (job.cursorField === null) return null;
  const bounds = findings
    .filter(({ missed, slice }) => missed > 0 && !slice.ids)
    .map(({ slice }) => rereadStart(slice, window, job.rereadFrom).getTime());
  return bounds.length > 0 ? new Date(Math.min(...bounds)) : null;
}
