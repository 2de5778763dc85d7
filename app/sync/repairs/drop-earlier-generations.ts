import { findJob } from '../../bigquery/jobs.ts';
import { deleteTable } from '../../bigquery/tables/table.ts';
import type { Context } from '../../context.ts';
import { readPages } from '../../store/runs/pages.ts';
import { readRunTables } from '../../store/runs/run-tables.ts';
import type { Run } from '../../store/runs/runs.ts';
import type { Slice } from '../../store/runs/slices.ts';
import { loadJobId, stagingTable } from '../names.ts';

/**
 * Drops the staging tables of a slice's earlier generations, which nothing reads any more, except those that a load may still write. They
 * stay recorded: what is left, or what a worker that lost the run creates meanwhile, is dropped when the run has ended. Logs a failure.
 */
export async function dropEarlierGenerations(context: Context, run: Run, slice: Slice): Promise<void> {
  if (slice.generation === 1) return;
  try {
    const recorded = new Set((await readRunTables(context.database, run.runId)).map(({ name }) => name));
    for (let generation = 1; generation < slice.generation; generation++) {
      const earlier = { ...slice, generation };
      const table = stagingTable(context, run.runId, earlier);
      if (recorded.has(table.table) && !(await isLoading(context, run, earlier))) await deleteTable(context.warehouse, table);
    }
  } catch (error) {
    if (!context.warehouse.signal.aborted) context.events.tablesNotDropped(error, run);
  }
}

/** Whether a page that was given up is still being loaded. A load that is requested later finds no table, and creates none. */
async function isLoading(context: Context, run: Run, slice: Slice): Promise<boolean> {
  const unfinished = (await readPages(context.database, run.runId, slice)).filter(({ loaded }) => loaded === null);
  for (const page of unfinished) {
    const job = await findJob(context.warehouse, loadJobId(run.runId, page, page.loadTry));
    if (job && job.status?.state !== 'DONE') return true;
  }
  return false;
}
