import { cutTimes, slicesOf } from '../core/slices.ts';
import { firstCreatedDate } from '../salesforce/record-count.ts';
import { cutSlice, planSlices, readSlices, type Slice, shortenRun } from '../store/slices.ts';
import { type Extraction, type StagedSlice, stageSlice } from './stage-slice.ts';

/**
 * Stages all slices of a run, oldest first, so that the open one is read after all others. A slice that turns out too large is cut;
 * a run that gets too many slices by that ends earlier, and what is left becomes the next run of the chain.
 */
export async function stageSlices(extraction: Extraction): Promise<StagedSlice[]> {
  const { context, run } = extraction;
  await planSlices(context.database, run, slicesOf(run.window, run.job.startDate, context.config.overlapMinutes));
  const staged = new Map<number, StagedSlice>();
  for (;;) {
    const slices = await readSlices(context.database, run);
    const next = slices.find((slice) => !staged.has(slice.ordinal));
    if (!next) return slices.map((slice) => staged.get(slice.ordinal)!);
    const result = await stageSlice(extraction, next, cutTimes(next, 2, null).length > 0);
    if ('slice' in result) staged.set(next.ordinal, result);
    else await cut(extraction, result.cut, result.parts);
  }
}

async function cut({ context, client, run }: Extraction, slice: Slice, parts: number): Promise<void> {
  const { database, limits, log } = context;
  const times = cutTimes(slice, parts, await firstCreatedDate(client, run.job.objectName));
  // All of it may be younger than its first record is old; then halves are as good.
  await cutSlice(database, run, slice, times.length > 0 ? times : cutTimes(slice, 2, null));
  const slices = await readSlices(database, run);
  log.info({ event: 'slice_cut', run: run.runId, slice: slice.ordinal, parts, slices: slices.length });
  // A window never ends before it begins: slices of the overlap, which lie before it, are not counted.
  const after = slices.slice(limits.runSlices).find(({ cursorFrom }) => cursorFrom > run.window.from);
  if (!after) return;
  await shortenRun(database, run, after.cursorFrom);
  run.window.to = after.cursorFrom;
}
