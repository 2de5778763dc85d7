import type { JobStatistics } from '../bigquery/jobs.ts';
import type { Context } from '../context.ts';
import { BASE_GROUP } from '../core/fields/field-groups.ts';
import { isAccepted, type Receipt, weakestVerdict } from '../core/runs/receipt.ts';
import type { Replacement } from '../core/runs/replacement.ts';
import { sum } from '../core/sum.ts';
import { readAcceptance } from '../store/runs/accept-run.ts';
import { billedByRun } from '../store/runs/billed.ts';
import type { Run } from '../store/runs/runs.ts';
import { callsOf } from './calls-of.ts';
import type { ExtractedRun } from './extract/extract-run.ts';
import type { Extraction } from './extract/extraction.ts';

/** What else a receipt contains. */
interface Written {
  /** undefined: nothing was merged */
  merged?: JobStatistics | undefined;
  /** undefined: the table was not replaced */
  replaced?: Replacement | undefined;
  /** undefined: the job keeps no versions, or there were no rows */
  versionsAdded?: number | undefined;
  foreignLiveView: string | null;
}

/** Writes the receipt of a run, with its counts at each stage. */
export async function writeReceipt(
  { context, client, group, run }: Extraction,
  { staged, deltas, rereadFrom }: ExtractedRun,
  { merged, replaced, versionsAdded, foreignLiveView }: Written,
): Promise<Receipt> {
  const { drift } = run;
  const verdict = weakestVerdict(staged.map((slice) => slice.verdict));
  const sumKnown = (numbers: (number | null)[]): number | null => (numbers.includes(null) ? null : sum(numbers));
  const all = staged.map(({ slice }) => slice);
  const allPages = staged.flatMap((slice) => slice.pages);
  // Count each row once, even if its fields were read in several groups.
  const slices = all.filter(({ fieldGroup }) => fieldGroup === BASE_GROUP);
  const pages = allPages.filter(({ fieldGroup }) => fieldGroup === BASE_GROUP);
  const billed = await billedByRun(context.database, run.runId);
  return {
    salesforce_before: sumKnown(slices.map((slice) => slice.countBefore)),
    salesforce_after: sumKnown(slices.map((slice) => slice.countAfter)),
    processed: sum(slices.map((slice) => slice.processed)),
    rows_in_pages: sum(pages.map((page) => page.rows)),
    loaded: sum(pages.map((page) => page.loaded)),
    staged: sum(slices.map((slice) => slice.staged)),
    distinct_ids: sum(deltas.map(({ delta }) => delta.counts.stagedIds)),
    delta_rows: sum(deltas.map(({ delta }) => delta.counts.deltaRows)),
    ...(slices[0]?.ids && {
      ids_missing: sum(slices.map(({ ids }) => ids!.length)) - sum(deltas.map(({ delta }) => delta.counts.stagedIds)),
    }),
    field_groups: new Set(all.map(({ fieldGroup }) => fieldGroup)).size,
    torn: sum(deltas.map(({ delta }) => delta.counts.torn)),
    inserted: merged?.inserted ?? 0,
    updated: merged?.updated ?? 0,
    deleted: merged?.deleted ?? 0,
    ...(run.job.history && { versions_added: versionsAdded ?? 0 }),
    ...(replaced && { rows_before: replaced.before, rows_after: replaced.rows }),
    invalid_values: sumByName(deltas.map(({ delta }) => delta.invalidValues)),
    columns_added: drift.added,
    columns_orphaned: drift.orphaned,
    fields_retyped: drift.retyped,
    fields_skipped: drift.skipped,
    ...(drift.pending?.length && { fields_pending: drift.pending }),
    pages: allPages.length,
    bytes: sum(allPages.map((page) => page.bytes)),
    salesforce_calls: Number((run.calls + callsOf(client, run, group)).toFixed(2)),
    bigquery_jobs: allPages.length + billed.statements,
    bytes_billed: billed.bytes,
    methods: all.map((slice) => `${slice.method}: ${slice.reason}`),
    live_view: foreignLiveView,
    reread_from: rereadFrom?.toISOString() ?? null,
    verdict,
    ...(await acceptedBy(context, run, verdict)),
  };
}

async function acceptedBy({ database }: Context, run: Run, verdict: string): Promise<Pick<Receipt, 'accepted_by'>> {
  const accepted = isAccepted(verdict) && (await readAcceptance(database, run));
  return accepted ? { accepted_by: accepted.by } : {};
}

function sumByName(counts: readonly Record<string, number>[]): Record<string, number> {
  const byName = Map.groupBy(counts.flatMap(Object.entries<number>), ([name]) => name);
  return Object.fromEntries([...byName].map(([name, entries]) => [name, sum(entries.map(([, count]) => count))]));
}
