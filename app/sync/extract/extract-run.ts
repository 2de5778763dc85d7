import type { Context } from '../../context.ts';
import { BASE_GROUP } from '../../core/fields/field-groups.ts';
import { batchSlices } from '../../core/runs/batches.ts';
import { mergesOneDelta } from '../../core/runs/pass.ts';
import { isAccepted } from '../../core/runs/receipt.ts';
import type { SalesforceClient } from '../../salesforce/client.ts';
import type { Counted, Run } from '../../store/runs/runs.ts';
import type { Slice } from '../../store/runs/slices.ts';
import { buildDelta } from '../merge/build-delta.ts';
import { countFromFacts } from '../merge/count-from-facts.ts';
import type { RunGroup } from '../run-group.ts';
import { checkSlices, earliestMissed, type Finding, hasRows, type Rereads, rereadIncomplete } from './check-slices.ts';
import { extractSlices } from './extract-slices.ts';
import type { Extraction, StagedSlice } from './extraction.ts';
import { resolveAgain, resolveFields } from './resolve-fields.ts';

/** The typed rows of some slices, and their counts. */
export interface Delta extends Counted {
  slices: readonly Slice[];
  /** whether they are in a delta table; otherwise the staged rows are typed when they are merged */
  hasTable: boolean;
}

/** A run whose rows are staged, typed and counted. */
export interface ExtractedRun {
  extraction: Extraction;
  staged: StagedSlice[];
  /** none if there are no rows; at most one for a window or a reimport, which merges it */
  deltas: Delta[];
  /** the next window rereads rows with a cursor value from here on, which two extractions missed; null: none */
  rereadFrom: Date | null;
}

/**
 * Stages all slices of a run and builds its delta tables. Resolves its fields, and resolves them again whenever Salesforce refuses them.
 * Extracts a slice again if Ids repeat or if Salesforce counts rows that were not read.
 * @throws AppError ids_not_unique, count_mismatch, bigquery_budget
 */
export async function extractRun(
  context: Context,
  client: SalesforceClient,
  claimed: Run,
  signal: AbortSignal,
  group?: RunGroup,
): Promise<ExtractedRun> {
  let { run, seen } = await resolveFields(context, client, claimed);
  for (let rereads: Rereads | undefined = new Map(); ; ) {
    const resolved = { context, client, columns: run.columns!, seen, signal, group };
    const outcome = await extractSlices({ ...resolved, run });
    const extraction = { ...resolved, run: outcome.run };
    if (outcome.kind !== 'all-staged') {
      const again = await resolveAgain(extraction, outcome);
      run = again.run;
      seen = again.seen ?? seen;
      rereads = new Map();
      continue;
    }
    const { deltas, findings } = await countSlices(extraction, outcome.slices);
    rereads = await rereadIncomplete(extraction, findings, rereads);
    if (!rereads) return { extraction, staged: outcome.slices, deltas, rereadFrom: earliestMissed(outcome.run, findings) };
    run = outcome.run;
  }
}

/** Counts the rows of the slices that have any, in delta tables if necessary, and compares each slice with its counts. */
async function countSlices(extraction: Extraction, staged: readonly StagedSlice[]): Promise<{ deltas: Delta[]; findings: Finding[] }> {
  const { run, columns, context } = extraction;
  const slices = staged.map(({ slice }) => slice);
  // Reading again what an operator accepted as missing would fail again.
  const accepted = new Set(staged.filter(({ verdict }) => isAccepted(verdict)).map(({ slice }) => slice));
  const deltas: Delta[] = [];
  const findings: Finding[] = [];
  // `fitSlices` has bounded the slices of a run that merges one delta table, except those that read what was edited after its end.
  const { pass, job } = run;
  for (const batch of mergesOneDelta(pass, job) ? [slices] : batchSlices(slices, columns, job.cursorField, context.limits.runSlices)) {
    const filled = batch.filter(hasRows);
    const counted = filled.some(({ fieldGroup }) => fieldGroup === BASE_GROUP) ? await countRows(extraction, filled) : undefined;
    if (counted) deltas.push(counted);
    findings.push(
      ...(await checkSlices(extraction, batch, counted?.delta)).map((found) =>
        accepted.has(found.slice) ? { ...found, missed: 0 } : found,
      ),
    );
  }
  return { deltas, findings };
}

/** Builds the delta tables that the job needs since its options were changed while the rows were read. @throws AppError bigquery_budget, lease_lost */
export async function countAgain(extraction: Extraction, deltas: readonly Delta[]): Promise<Delta[]> {
  return await Promise.all(deltas.map(async (each) => (each.hasTable ? each : await countRows(extraction, each.slices))));
}

async function countRows(extraction: Extraction, slices: readonly Slice[]): Promise<Delta> {
  const delta = countFromFacts(extraction, slices);
  if (delta) return { of: '', delta, storedColumns: 0, slices, hasTable: false };
  return { ...(await buildDelta(extraction, slices)), slices, hasTable: true };
}
