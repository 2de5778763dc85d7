import type { Context } from '../../context.ts';
import { BASE_GROUP } from '../../core/field-groups.ts';
import type { SalesforceClient } from '../../salesforce/client.ts';
import type { Counted, Run } from '../../store/runs.ts';
import { buildDelta } from '../merge/build-delta.ts';
import { checkSlices, earliestMissed, hasRows, type Rereads, rereadIncomplete } from './check-slices.ts';
import { extractSlices } from './extract-slices.ts';
import type { Extraction, StagedSlice } from './extraction.ts';
import { resolveAgain, resolveFields, type Seen } from './resolve-fields.ts';

/** A run whose rows are staged, typed and counted. */
export interface ExtractedRun {
  extraction: Extraction;
  /** undefined: an earlier attempt resolved the run's fields */
  seen: Seen | undefined;
  staged: StagedSlice[];
  /** undefined: there are no rows */
  counted: Counted | undefined;
  /** the next window rereads rows with a cursor value from here on, which two extractions missed; null: none */
  rereadFrom: Date | null;
}

/**
 * Stages all slices of a run and builds its delta table. Resolves its fields, and resolves them again whenever Salesforce refuses them.
 * Extracts a slice again if Ids repeat or if Salesforce counts rows that were not read.
 * @throws AppError ids_not_unique, count_mismatch, bigquery_budget
 */
export async function extractRun(context: Context, client: SalesforceClient, claimed: Run, signal: AbortSignal): Promise<ExtractedRun> {
  let { run, seen } = await resolveFields(context, client, claimed);
  for (let rereads: Rereads | undefined = new Map(); ; ) {
    const resolved = { context, client, columns: run.columns!, knownFields: seen?.fields, signal };
    const outcome = await extractSlices({ ...resolved, run });
    const extraction = { ...resolved, run: outcome.run };
    if (outcome.kind !== 'all-staged') {
      const again = await resolveAgain(extraction, outcome);
      run = again.run;
      seen = again.seen ?? seen;
      rereads = new Map();
      continue;
    }
    const counted = await countRows(extraction, outcome.slices);
    const slices = outcome.slices.map(({ slice }) => slice);
    const findings = await checkSlices(extraction, slices, counted?.delta);
    rereads = await rereadIncomplete(extraction, findings, rereads);
    if (!rereads) return { extraction, seen, staged: outcome.slices, counted, rereadFrom: earliestMissed(outcome.run, findings) };
    run = outcome.run;
  }
}

/** Builds the delta table, if there are rows. */
async function countRows(extraction: Extraction, staged: readonly StagedSlice[]): Promise<Counted | undefined> {
  const filled = staged.map(({ slice }) => slice).filter(hasRows);
  return filled.some(({ fieldGroup }) => fieldGroup === BASE_GROUP) ? await buildDelta(extraction, filled) : undefined;
}
