import { chunk } from '../core/chunk.ts';
import { RUNS_TABLE } from '../core/fields/metadata-tables.ts';
import { query } from './jobs.ts';
import { isOurs } from './our-labels.ts';
import { reportedRunsQuery } from './sql/reported-runs-query.ts';
import { getTable } from './tables/table.ts';
import type { Warehouse } from './warehouse.ts';

/** Their ids make 400 kB of text; BigQuery accepts 1 MB. */
const MAX_RUNS_PER_STATEMENT = 10_000;

/** Which of these runs a dataset's `_runs` contains. @throws AppError */
export async function findReportedRuns(warehouse: Warehouse, dataset: string, runIds: readonly string[]): Promise<string[]> {
  const name = { project: warehouse.project, dataset, table: RUNS_TABLE.name };
  const table = await getTable(warehouse, name);
  if (!table || !isOurs(table, 'TABLE')) return [];
  const reported: string[] = [];
  for (const part of chunk(runIds, MAX_RUNS_PER_STATEMENT)) {
    const rows = await query<{ run: string }>(warehouse, reportedRunsQuery(name, part), {});
    reported.push(...rows.map(({ run }) => run));
  }
  return reported;
}
