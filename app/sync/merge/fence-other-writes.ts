import { fenceJobId } from '../../bigquery/jobs.ts';
import type { Context } from '../../context.ts';
import type { Run } from '../../store/runs/runs.ts';
import { deleteTableWrite, readOtherWrites, readOwnWrites, type TableWrite } from '../../store/runs/table-writes.ts';
import { runLabels } from '../names.ts';

/**
 * Ensures that no statement of another run changes the target table during or after this run's: a run may have been cancelled, have failed
 * or wait after it requested a statement. BigQuery sees no conflict between two insert-only MERGEs, so each would insert the same rows
 * (BigQuery docs, "DML statement conflicts"). And a removed row leaves no trace by which an older version could be recognized. The run must
 * have the table lease, so that no statement is added.
 */
export async function fenceOtherWrites(context: Context, run: Run): Promise<void> {
  await fenceWrites(context, run, await readOtherWrites(context.database, run));
}

/**
 * Ensures that no statement that an earlier attempt of this run requested is running, or starts, during or after the next one: the successor
 * of a worker that has crashed may give the same statement another number. The run must have the table lease.
 * @param next the id of the next one, which is adopted if it exists
 */
export async function fenceOwnWrites(context: Context, run: Run, next: string): Promise<void> {
  const writes = await readOwnWrites(context.database, run);
  const others = writes.filter(({ statement }) => statement !== next);
  await fenceWrites(context, run, others);
}

async function fenceWrites({ database, warehouse }: Context, { job }: Run, writes: readonly TableWrite[]): Promise<void> {
  for (const { statement, runId } of writes) {
    await fenceJobId(warehouse, statement, runLabels(runId, job));
    await deleteTableWrite(database, statement);
  }
}
