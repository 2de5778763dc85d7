import { fenceJobId } from '../../bigquery/jobs.ts';
import type { Context } from '../../context.ts';
import type { Run } from '../../store/runs.ts';
import { deleteTableWrite, readOtherWrites } from '../../store/table-writes.ts';
import { runLabels } from '../names.ts';

/**
 * Ensures that no statement of another run changes the target table during or after this run's: a run may have been cancelled, have failed
 * or wait after it requested a statement. BigQuery sees no conflict between two insert-only MERGEs, so each would insert the same rows
 * (BigQuery docs, "DML statement conflicts"). And a removed row leaves no trace by which an older version could be recognized. The run must
 * have the table lease, so that no statement is added.
 */
export async function fenceOtherWrites({ database, warehouse }: Context, run: Run): Promise<void> {
  for (const { statement, runId } of await readOtherWrites(database, run)) {
    await fenceJobId(warehouse, statement, runLabels(runId, run.job));
    await deleteTableWrite(database, statement);
  }
}
