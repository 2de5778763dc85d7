import { removeCopiesStatement } from '../../bigquery/sql/sweep-statements.ts';
import { requireCursor } from '../../core/fields/cursor.ts';
import { saveRun } from '../../store/runs/runs.ts';
import type { Extraction } from '../extract/extraction.ts';
import { sweepJobId, targetTable } from '../names.ts';
import { retryJob } from '../retry-job.ts';
import { runTableWrite } from '../run-table-write.ts';
import { type Comparison, sweptIds } from './compare-with-org.ts';

/** Keeps one row, the newest, of each Id that has several in the target table. @throws AppError bigquery_budget, lease_lost */
export async function removeCopies(extraction: Extraction, comparison: Comparison): Promise<void> {
  const { context, run } = extraction;
  let part = 0;
  for await (const ids of sweptIds(extraction, comparison, 'duplicates')) {
    const step = `copies_${part++}`;
    const sql = removeCopiesStatement(targetTable(context, run.job), ids, requireCursor(run.job));
    await retryJob(
      extraction,
      run.mergeTry,
      (mergeTry) => saveRun(context.database, run, { mergeTry }),
      async (number) => await runTableWrite(extraction, sweepJobId(run.runId, step, number), sql),
    );
  }
}
