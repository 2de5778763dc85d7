import { onlyRow, type Queryable } from '../database.ts';

/** How many rows all runs of these jobs have received from Salesforce so far. */
export async function receivedRows(database: Queryable, jobIds: readonly string[]): Promise<number> {
  const result = await database.query<{ received: string }>(
    `SELECT coalesce(sum(pages.rows), 0) AS received FROM runs
     JOIN slices ON slices.run_id = runs.id AND slices.field_group = 0
     JOIN pages ON pages.run_id = runs.id AND pages.slice = slices.ordinal AND pages.generation = slices.generation
     WHERE runs.job_id = ANY($1)`,
    [jobIds],
  );
  return Number(onlyRow(result).received);
}
