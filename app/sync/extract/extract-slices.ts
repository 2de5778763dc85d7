import { BASE_GROUP, groupsOf } from '../../core/fields/field-groups.ts';
import { batchSlices } from '../../core/runs/batches.ts';
import { replacesTable } from '../../core/runs/pass.ts';
import { MAX_EXTRACTIONS } from '../../core/runs/reconciliation.ts';
import { countFittingSlices } from '../../core/runs/run-slices.ts';
import {
  haveSameRange,
  planSlices,
  type SlicePlan,
  type SliceRange,
  sliceReimport,
  sliceWhole,
  sliceWindow,
  splitById,
  splitByTime,
  splitIdList,
  splitOpenSlice,
} from '../../core/runs/slices.ts';
import { AppError } from '../../errors.ts';
import { findFirstCreatedDate } from '../../salesforce/record-count.ts';
import { findFirstAndLastId } from '../../salesforce/soql.ts';
import { isWindowWaiting, type Run } from '../../store/runs/runs.ts';
import { cutSlice, deleteSlices, readSlices, type Slice, saveSlices, shortenRun, startGeneration } from '../../store/runs/slices.ts';
import { dropEarlierGenerations } from '../repairs/drop-earlier-generations.ts';
import { requireOutsideQuietHours } from '../require-outside-quiet-hours.ts';
import { emptySlice, extractSlice, type SliceOutcome } from './extract-slice.ts';
import { type Extraction, type FieldsRejected, rowRange, type StagedSlice, type TooLarge, type Unusable } from './extraction.ts';
import { queryTooLargeReason } from './query-too-large-reason.ts';
import { planIdSlices } from './slice-ids.ts';

/** All slices of a run. */
export interface StagedSlices {
  kind: 'all-staged';
  slices: StagedSlice[];
}

/**
 * Stages all slices of a run, oldest first, so that the open ones are read last. Cuts slices that turn out too large. If that results in
 * too many slices, the run's range is shortened, and the rest becomes the next run of the chain (`fitSlices`). Requests a slice again if its counts do
 * not match.
 * @returns the staged slices, or why the run's fields must be resolved again; with the run as it is then
 * @throws AppError count_mismatch if the counts of a slice never match
 */
export async function extractSlices(start: Extraction): Promise<{ run: Run } & (StagedSlices | FieldsRejected)> {
  await saveSlices(start.context.database, start.run, planRun(start));
  const staged = new Map<number, StagedSlice>();
  const indivisible = new Set<number>();
  let repeated: Repeated | undefined;
  for (let extraction = start; ; ) {
    const { run, slices } = await fitSlices(extraction);
    // A slice is repeated at once: slices of other field groups must be read after it.
    const next = slices.find(({ ordinal }) => ordinal === repeated?.ordinal) ?? slices.find((slice) => !isStaged(slice, staged));
    if (!next) return { run, kind: 'all-staged', slices: slices.map(({ ordinal }) => staged.get(ordinal)!) };
    const outcome = await extractUnlessEmpty({ ...start, run }, next, slices, !indivisible.has(next.ordinal));
    if (outcome.kind === 'fields-changed' || outcome.kind === 'fields-refused') return outcome;
    extraction = { ...start, run: outcome.run };
    if (outcome.kind === 'staged') staged.set(next.ordinal, outcome);
    if (outcome.kind === 'staged' && next.state !== 'staged') {
      await dropEarlierGenerations(extraction.context, extraction.run, outcome.slice);
      await yieldToWindows(extraction);
    }
    if (outcome.kind === 'too-large' && !(await cut(extraction, outcome))) indivisible.add(next.ordinal);
    const isDone = outcome.kind === 'staged' || outcome.kind === 'too-large';
    repeated = isDone ? undefined : await requestAgain(extraction, next, outcome, repeated);
  }
}

function planRun(extraction: Extraction): SlicePlan[] {
  return planSlices(rangesOf(extraction), groupsOf(extraction.columns));
}

function rangesOf(extraction: Extraction): SliceRange[] {
  const { pass, window, job } = extraction.run;
  if (job.cursorField === null) return [sliceWhole(window)];
  switch (pass.kind) {
    case 'window':
      return sliceWindow(window, { ...job, overlapMinutes: extraction.context.config.overlapMinutes });
    case 'reimport':
      return pass.ids ? planIdSlices(extraction, pass.ids) : sliceReimport(window, pass, job.cursorNillable);
    case 'rebuild':
      return sliceWindow(window, { ...job, overlapMinutes: 0, rereadFrom: null });
    case 'sweep':
      return [sliceWhole(window)];
  }
}

function isStaged({ ordinal, generation }: Slice, staged: ReadonlyMap<number, StagedSlice>): boolean {
  return staged.get(ordinal)?.slice.generation === generation;
}

/** A repair lets the windows that wait for a worker go first, and stops at quiet hours. @throws AppError windows_first, quiet_hours */
async function yieldToWindows({ context, run }: Extraction): Promise<void> {
  requireOutsideQuietHours(run, new Date());
  if (run.pass.kind === 'window' || !(await isWindowWaiting(context.database, run.job.connectionId))) return;
  throw new AppError('windows_first', 'The repair continues when the windows that are due have been imported.');
}

/** Extracts a slice, unless it is known to have no rows. */
async function extractUnlessEmpty(
  extraction: Extraction,
  slice: Slice,
  slices: readonly Slice[],
  canBeCut: boolean,
): Promise<SliceOutcome> {
  if (!hasNoRows(slice, slices)) return await extractSlice(extraction, slice, canBeCut);
  const empty = await emptySlice(extraction, slice, { method: 'rest', reason: 'the base group has no rows' });
  return { run: extraction.run, ...empty };
}

/** A slice that is requested from Salesforce again, and how often its counts did not match. */
interface Repeated {
  ordinal: number;
  mismatches: number;
}

/** @throws AppError count_mismatch if its counts never match; salesforce_unavailable if Salesforce cannot process it at the moment */
async function requestAgain(extraction: Extraction, slice: Slice, unusable: Unusable, before: Repeated | undefined): Promise<Repeated> {
  const { context, run } = extraction;
  const { objectName } = run.job;
  const { kind, reason } = unusable;
  const mismatches = (before?.mismatches ?? 0) + (kind === 'mismatched' ? 1 : 0);
  if (mismatches >= MAX_EXTRACTIONS) {
    const acceptable = unusable.kind === 'mismatched' ? unusable.acceptable : undefined;
    const advice = acceptable === undefined ? '' : ` To import what Salesforce returned, accept this: POST /v1/runs/${run.runId}/accept.`;
    const message = `Could not reconcile ${objectName} in ${MAX_EXTRACTIONS} attempts: ${reason}.${advice}`;
    throw new AppError('count_mismatch', message, { acceptable });
  }
  context.events.sliceRepeated(run, slice, reason);
  await startGeneration(context.database, run, slice);
  if (kind === 'unavailable') throw new AppError('salesforce_unavailable', `Could not read ${objectName}: ${reason}.`);
  return { ordinal: slice.ordinal, mismatches };
}

/** If a range has no rows in the base group, its other field groups need not be read. */
function hasNoRows(slice: Slice, slices: readonly Slice[]): boolean {
  const base = slices.find((other) => other.fieldGroup === BASE_GROUP && haveSameRange(other, slice));
  return slice.fieldGroup !== BASE_GROUP && slice.method === null && base?.staged === 0 && base.countAfter === 0;
}

/** @returns false if the slice cannot be cut */
async function cut(extraction: Extraction, { slice, parts }: TooLarge): Promise<boolean> {
  const { context, run } = extraction;
  const ranges = await divide(extraction, slice, parts);
  if (!ranges) return false;
  await cutSlice(context.database, run, slice, ranges);
  context.events.sliceCut(run, slice, ranges.length);
  return true;
}

/**
 * Divides by time, or by Id if time does not divide the slice (many rows were edited in one second, or after the window's end) or its
 * cursor is null or the object has none, because then no indexed time exists. A sweep reads rows whatever their cursor.
 */
async function divide(extraction: Extraction, slice: Slice, parts: number): Promise<SliceRange[] | undefined> {
  if (slice.ids) return splitIdList(slice, parts);
  if (slice.nullCursor || extraction.run.pass.kind === 'sweep' || extraction.run.job.cursorField === null)
    return await divideIds(extraction, slice, parts);
  const inTime = slice.open ? splitOpenSlice(slice) : splitByTime(slice, parts, await firstRecord(extraction, slice));
  return inTime ?? (await divideIds(extraction, slice, parts));
}

/** Only the start of the job's first window may span years without records. */
async function firstRecord({ client, run }: Extraction, { cursorFrom }: Slice): Promise<Date | null> {
  return cursorFrom > run.job.startDate ? null : await findFirstCreatedDate(client, run.job.objectName);
}

async function divideIds(extraction: Extraction, slice: Slice, parts: number): Promise<SliceRange[] | undefined> {
  try {
    const ids = await findFirstAndLastId(extraction.client, rowRange(extraction, slice));
    return ids && splitById(slice, ids.first, ids.last, parts);
  } catch (error) {
    if (!(await queryTooLargeReason(extraction, error))) throw error;
    return undefined;
  }
}

/**
 * The slices of a run. If there are too many, shortens its window, which never becomes empty or loses only its open slices, or its list of
 * Ids. A sweep, and a run that replaces the table, take as many as they need: they work with several delta
 * tables.
 */
async function fitSlices(extraction: Extraction): Promise<{ run: Run; slices: Slice[] }> {
  const { context, run, columns } = extraction;
  const slices = await readSlices(context.database, run);
  if (run.pass.kind === 'sweep' || replacesTable(run.pass, run.job)) return { run, slices };
  if (slices[0]?.ids) return { run, slices: await fitIds(extraction, slices) };
  const { from, to } = run.window;
  // A cut must lie inside the window; slices of the overlap lie before it.
  const fitting = countFittingSlices(slices, columns, run.job.cursorField, context.limits.runSlices);
  const after = slices.slice(fitting).find(({ cursorFrom }) => cursorFrom > from);
  if (!after || after.cursorFrom >= to) return { run, slices };
  const shortened = await shortenRun(context.database, run, after.cursorFrom);
  return { run: shortened, slices: await readSlices(context.database, shortened) };
}

/** Of slices of Ids, those that one delta statement can name. Deletes the others, whose Ids the next run of the chain reads. */
async function fitIds({ context, run, columns }: Extraction, slices: readonly Slice[]): Promise<Slice[]> {
  const [fitting = [], ...others] = batchSlices(slices, columns, run.job.cursorField, context.limits.runSlices);
  const left = others.flat().map(({ ordinal }) => ordinal);
  if (left.length > 0) await deleteSlices(context.database, run, left);
  return fitting;
}
