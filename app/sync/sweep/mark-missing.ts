import type { JobStatistics } from '../../bigquery/jobs.ts';
import { eraseMissingStatement, missingStatement } from '../../bigquery/sql/sweep-statements.ts';
import { hasInvalidValues } from '../../bigquery/tables/invalid-values-table.ts';
import type { FoundTable } from '../../bigquery/tables/tables.ts';
import { PARTITION_FIELD } from '../../core/fields/partitioning.ts';
import { isEmptied } from '../../core/jobs/deletes.ts';
import { saveRun } from '../../store/runs/runs.ts';
import type { Extraction } from '../extract/extraction.ts';
import { invalidValuesTable, sweepJobId, targetTable } from '../names.ts';
import { retryJob } from '../retry-job.ts';
import { runOnce } from '../run-once.ts';
import { runTableWrite } from '../run-table-write.ts';
import type { Comparison, ComparisonCounts } from './compare-with-org.ts';

/**
 * Marks, blanks or removes the target's rows that are missing in Salesforce, as the job says, and erases their invalid values.
 * @param found the target table
 * @returns undefined if there are none
 * @throws AppError bigquery_budget, lease_lost
 */
export async function markMissing(
  extraction: Extraction,
  { table, judgedBefore }: Comparison,
  { firstMissing, lastMissing }: ComparisonCounts,
  found: FoundTable | undefined,
): Promise<JobStatistics | undefined> {
  if (firstMissing === null || lastMissing === null) return undefined;
  const { context, run } = extraction;
  const { job } = run;
  const columns = (found?.columns ?? []).map(({ name }) => name);
  const sql = missingStatement({
    comparison: table,
    target: targetTable(context, job),
    cleared: job.deletes === 'blank' ? columns.filter((name) => isEmptied(name, job.cursorField, PARTITION_FIELD)) : [],
    deletes: job.deletes,
    runId: run.runId,
    judgedBefore,
    firstId: firstMissing,
    lastId: lastMissing,
  });
  const marked = await retryJob(
    extraction,
    run.mergeTry,
    (mergeTry) => saveRun(context.database, run, { mergeTry }),
    async (number) => await runTableWrite(extraction, sweepJobId(run.runId, 'mark', number), sql),
  );
  const invalidValues = invalidValuesTable(context, job);
  if (job.deletes !== 'keep' && (await hasInvalidValues(context.warehouse, invalidValues))) {
    await runOnce(extraction, 'erase', eraseMissingStatement(invalidValues, job.objectName, table));
  }
  return marked.job;
}
