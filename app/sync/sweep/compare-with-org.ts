import { readRows } from '../../bigquery/jobs.ts';
import type { TableName } from '../../bigquery/sql/quote.ts';
import { compareStatement, countComparisonStatement, type SweptIds, sweptIdsStatement } from '../../bigquery/sql/sweep-statements.ts';
import { CREATED_DATE, requireCursor } from '../../core/fields/cursor.ts';
import { saveRunTable } from '../../store/runs/run-tables.ts';
import { saveRun } from '../../store/runs/runs.ts';
import type { ExtractedRun } from '../extract/extract-run.ts';
import type { Extraction } from '../extract/extraction.ts';
import { compareJobId, comparisonTable, deltaTable, stagingExpiry, targetTable } from '../names.ts';
import { retryJob } from '../retry-job.ts';
import { runOnce } from '../run-once.ts';
import { runTableWrite } from '../run-table-write.ts';

/** The table that compares each Id, and which of the target's rows it judges. */
export interface Comparison {
  table: TableName;
  /** rows that were synced from then on may be newer than the keys */
  judgedBefore: Date;
}

/** The counts of a comparison, in Ids. */
export interface ComparisonCounts {
  equal: number;
  notJudged: number;
  missing: number;
  absent: number;
  different: number;
  /** rows of the target that are not marked as deleted */
  live: number;
  /** records that Salesforce returned, deleted ones too */
  inOrg: number;
  /** Ids that have several rows */
  duplicates: number;
  /** Ids to reimport, and the first and last of them; null: none */
  toReimport: number;
  firstId: string | null;
  lastId: string | null;
  firstMissing: string | null;
  lastMissing: string | null;
}

/**
 * Compares the keys of all rows of the object with the target table. Adopts the comparison of an earlier attempt. The run must have the table
 * lease.
 * @throws AppError bigquery_budget, lease_lost
 */
export async function compareWithOrg(extraction: Extraction, { staged, deltas }: ExtractedRun): Promise<Comparison> {
  const { context, run, columns } = extraction;
  const of = deltas.map((delta) => delta.of).join('; ');
  const table = comparisonTable(context, run.runId, of);
  const requested = staged.flatMap(({ slice }) => slice.requestedAt?.getTime() ?? []);
  const firstRequest = requested.length > 0 ? Math.min(...requested) : run.createdAt.getTime();
  const judgedBefore = new Date(firstRequest - context.limits.repairMarginMs);
  const sql = compareStatement({
    comparison: table,
    target: targetTable(context, run.job),
    deltas: deltas.map((delta) => deltaTable(context, run.runId, delta.of)),
    cursorField: requireCursor(run.job),
    createdField: columns.some(({ field }) => field === CREATED_DATE) ? CREATED_DATE : undefined,
    range: run.window,
    judgedBefore,
    deletes: run.job.deletes,
    expiresAt: stagingExpiry(run.createdAt),
  });
  await retryJob(
    extraction,
    run.compareTry,
    (compareTry) => saveRun(context.database, run, { compareTry }),
    async (number) => {
      const id = compareJobId(run.runId, of, number);
      await saveRunTable(context.database, run, { name: table.table, createdBy: id });
      // It reads the delta tables, which must not be dropped before it ends.
      return await runTableWrite(extraction, id, sql);
    },
  );
  return { table, judgedBefore };
}

export async function countComparison(extraction: Extraction, { table }: Comparison): Promise<ComparisonCounts> {
  const id = await runOnce(extraction, 'swept', countComparisonStatement(table));
  const [row = {}] = await readRows<Record<string, number | string | null>>(extraction.context.warehouse, id);
  const count = (name: string): number => Number(row[name] ?? Number.NaN);
  const text = (name: string): string | null => (row[name] as string | null | undefined) ?? null;
  return {
    equal: count('equal'),
    notJudged: count('not_judged'),
    missing: count('missing'),
    absent: count('absent'),
    different: count('different'),
    live: count('live'),
    inOrg: count('in_org'),
    duplicates: count('duplicates'),
    toReimport: count('to_reimport'),
    firstId: text('first_id'),
    lastId: text('last_id'),
    firstMissing: text('first_missing'),
    lastMissing: text('last_missing'),
  };
}

/** Ids of a comparison, up to `limits.sweptIds` at a time, in order. */
export async function* sweptIds(extraction: Extraction, { table }: Comparison, which: SweptIds): AsyncGenerator<string[], void> {
  const limit = extraction.context.limits.sweptIds;
  for (let after = ''; ; ) {
    const id = await runOnce(extraction, 'ids', sweptIdsStatement(table, which, after, limit));
    const ids = (await readRows<{ Id: string }>(extraction.context.warehouse, id)).map((row) => row.Id);
    if (ids.length > 0) yield ids;
    if (ids.length < limit) return;
    after = ids.at(-1)!;
  }
}
