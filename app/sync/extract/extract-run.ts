import { BASE_GROUP, groupsOf } from '../../core/field-groups.ts';
import { countFittingSlices } from '../../core/run-slices.ts';
import { haveSameRange, planSlices, type SliceRange, sliceWindow, splitById, splitByTime, splitOpenSlice } from '../../core/slices.ts';
import { findFirstCreatedDate } from '../../salesforce/record-count.ts';
import { findFirstAndLastId } from '../../salesforce/soql.ts';
import { cutSlice, readSlices, type Slice, saveSlices, shortenRun } from '../../store/slices.ts';
import { emptySlice, extractSlice, rowRange } from './extract-slice.ts';
import type { Extraction, StagedSlice, TooLarge } from './extraction.ts';
import { queryTooLargeReason } from './is-query-too-large.ts';
import type { Unsettled } from './settle-fields.ts';

/**
 * Stages all slices of a run, oldest first, so that the open ones are read last. Cuts slices that turn out too large. If that results in
 * too many slices, the run's window is shortened, and the rest becomes the next run of the chain.
 * @returns the staged slices, or why the run's fields must be settled again
 */
export async function extractSlices(extraction: Extraction): Promise<StagedSlice[] | { unsettled: Unsettled }> {
  const { context, run, columns } = extraction;
  const ranges = sliceWindow(run.window, { ...run.job, overlapMinutes: context.config.overlapMinutes });
  await saveSlices(context.database, run, planSlices(ranges, groupsOf(columns)));
  const staged = new Map<number, StagedSlice>();
  const indivisible = new Set<number>();
  for (;;) {
    const slices = await slicesOfRun(extraction);
    const next = slices.find(({ ordinal, generation }) => staged.get(ordinal)?.slice.generation !== generation);
    if (!next) return slices.map((slice) => staged.get(slice.ordinal)!);
    const result = hasNoRows(next, slices)
      ? await emptySlice(extraction, next, { method: 'rest', reason: 'the base group has no rows' })
      : await extractSlice(extraction, next, !indivisible.has(next.ordinal));
    if ('unsettled' in result) return result;
    if ('slice' in result) staged.set(next.ordinal, result);
    else if (!(await cut(extraction, result))) indivisible.add(next.ordinal);
  }
}

/** If a range has no rows in the base group, its other field groups need not be read. */
function hasNoRows(slice: Slice, slices: readonly Slice[]): boolean {
  const base = slices.find((other) => other.fieldGroup === BASE_GROUP && haveSameRange(other, slice));
  return slice.fieldGroup !== BASE_GROUP && slice.method === null && base?.staged === 0 && base.countAfter === 0;
}

/** @returns false if the slice cannot be cut */
async function cut(extraction: Extraction, { cut: slice, parts }: TooLarge): Promise<boolean> {
  const { context, run } = extraction;
  const ranges = await divide(extraction, slice, parts);
  if (!ranges) return false;
  await cutSlice(context.database, run, slice, ranges);
  context.events.sliceCut(run, slice, ranges.length);
  return true;
}

/**
 * Divides by time, or by Id if time does not divide the slice (many rows were edited in one second, or after the window's end) or its
 * cursor is null, because then no indexed time exists.
 */
async function divide(extraction: Extraction, slice: Slice, parts: number): Promise<SliceRange[] | undefined> {
  if (slice.nullCursor) return await divideIds(extraction, slice, parts);
  const inTime = slice.open ? splitOpenSlice(slice) : splitByTime(slice, parts, await firstRecord(extraction, slice));
  return inTime ?? (await divideIds(extraction, slice, parts));
}

/** Only the start of the job's first window may span years without records. */
async function firstRecord({ client, run }: Extraction, { cursorFrom }: Slice): Promise<Date | null> {
  return cursorFrom > run.job.startDate ? null : await findFirstCreatedDate(client, run.job.objectName);
}

async function divideIds(extraction: Extraction, slice: Slice, parts: number): Promise<SliceRange[] | undefined> {
  const { client, run } = extraction;
  try {
    const ids = await findFirstAndLastId(client, rowRange(extraction, slice));
    return ids && splitById(slice, ids.first, ids.last, parts);
  } catch (error) {
    if (!queryTooLargeReason(error, run)) throw error;
    return undefined;
  }
}

/** The slices of a run. If there are too many, shortens its window, which never becomes empty or loses only its open slices. */
async function slicesOfRun({ context, run, columns }: Extraction): Promise<Slice[]> {
  const slices = await readSlices(context.database, run);
  const { from, to } = run.window;
  // A cut must lie inside the window; slices of the overlap lie before it.
  const fitting = countFittingSlices(slices, columns, run.job.cursorField, context.limits.runSlices);
  const after = slices.slice(fitting).find(({ cursorFrom }) => cursorFrom > from);
  if (!after || after.cursorFrom >= to) return slices;
  await shortenRun(context.database, run, after.cursorFrom);
  run.window.to = after.cursorFrom;
  return await readSlices(context.database, run);
}
