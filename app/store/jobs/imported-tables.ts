import type { DescribedTable } from '../../core/fields/table-description.ts';
import type { Queryable } from '../database.ts';
import { type RowOf, toRecord } from '../to-record.ts';

/** A target table that exists, and what its description says. */
export interface ImportedTable extends DescribedTable {
  readonly jobId: string;
  readonly targetTable: string;
}

/** The target tables of a dataset, in order of their names. */
export async function listImportedTables(database: Queryable, dataset: string): Promise<ImportedTable[]> {
  const { rows } = await database.query<RowOf<ImportedTable>>(
    `SELECT jobs.id AS job_id, jobs.object_name, jobs.target_table, jobs.every, jobs.append_only, connections.org_id,
       CASE WHEN NOT jobs.whole THEN jobs.cursor_field END AS cursor_field
     FROM jobs JOIN connections ON connections.id = jobs.connection_id
     WHERE jobs.target_dataset = $1 AND jobs.target_created_at IS NOT NULL AND jobs.fields_digest IS NOT NULL
     ORDER BY jobs.target_table`,
    [dataset],
  );
  return rows.map(toRecord);
}
