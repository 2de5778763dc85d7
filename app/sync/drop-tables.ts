import { tryFenceJobId } from '../bigquery/jobs.ts';
import { deleteTable } from '../bigquery/tables/table.ts';
import type { Warehouse } from '../bigquery/warehouse.ts';
import type { Context } from '../context.ts';
import { mapConcurrently } from '../core/map-concurrently.ts';
import { claimRunTables, deleteRunTables, type EndedRun, type RunTable } from '../store/runs/run-tables.ts';
import { inStaging, runLabels } from './names.ts';

/** A run may have dozens of tables. */
const MAX_CONCURRENT_DROPS = 6;

/** When tables that were not dropped are retried: because of a failure or a running job, or because the process died. */
const RETRY_SECONDS = 600;

/**
 * Drops the staging and delta tables of all runs that have ended, one run at a time. Logs a failure and stops, because it probably concerns
 * the other runs as well. What is left is retried later; if that never succeeds, the tables expire.
 * @throws AppError store_unavailable; the signal's reason
 */
export async function dropTables(context: Context, signal: AbortSignal): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    const run = await claimRunTables(context.database, RETRY_SECONDS);
    if (!run) return;
    try {
      await dropTablesOf(context, run, signal);
    } catch (error) {
      signal.throwIfAborted();
      context.events.tablesNotDropped(error, run);
      return;
    }
  }
}

/** Drops the tables of a run that has ended, except those that may be in use. @throws AppError as soon as a table cannot be dropped */
export async function dropTablesOf(context: Context, run: EndedRun, signal: AbortSignal): Promise<void> {
  const dropped: string[] = [];
  const drop = async (table: RunTable, ended: AbortSignal): Promise<void> => {
    const warehouse = context.warehouse.withSignal(ended);
    if (await mayBeInUse(warehouse, run, table)) return;
    await deleteTable(warehouse, inStaging(context, table.name));
    dropped.push(table.name);
  };
  try {
    await mapConcurrently(MAX_CONCURRENT_DROPS, signal, () => run.tables, drop);
  } finally {
    await deleteRunTables(context.database, run.runId, dropped);
  }
}

/**
 * A run that failed or was cancelled may have left BigQuery jobs behind that create its delta table, or read it to write its target table; a
 * run that succeeded waited for them. Staging tables need no check: load jobs do not create a missing table, and a delta job or a MERGE that
 * reads them may fail by now.
 */
async function mayBeInUse(warehouse: Warehouse, run: EndedRun, { createdBy }: RunTable): Promise<boolean> {
  if (run.succeeded || createdBy === null) return false;
  const jobs = [createdBy, ...run.writes];
  const labels = runLabels(run.runId, run.job);
  for (const id of jobs) if (!(await tryFenceJobId(warehouse, id, labels))) return true;
  return false;
}
