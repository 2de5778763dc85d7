import type { Queryable } from '../database.ts';
import { type RowOf, toRecord } from '../to-record.ts';
import type { Page } from './pages.ts';
import type { Slice } from './slices.ts';

/** A slice of a run, for display, with the number of its Ids instead of the list. */
export type SliceDetails = Omit<Slice, 'ids' | 'facts' | 'repeatedIds' | 'pageRows' | 'bulkRequestedAt'> & {
  idCount: number | null;
  /** of its current generation, in order */
  pages: Page[];
};

/** What a run did in Salesforce and BigQuery. */
export interface RunDetails {
  /** in reading order */
  slices: SliceDetails[];
  /** BigQuery's jobs other than load jobs, with what they billed; null: it may still run */
  statements: { id: string; bytesBilled: number | null }[];
}

/** What a run did so far. Its slices and pages are kept as long as the run. */
export async function readRunDetails(database: Queryable, runId: string): Promise<RunDetails> {
  const slices = await readSliceDetails(database, runId);
  const pages = await readCurrentPages(database, runId);
  const bySlice = Map.groupBy(pages, ({ slice }) => slice);
  return {
    slices: slices.map((slice) => ({ ...slice, pages: bySlice.get(slice.ordinal) ?? [] })),
    statements: await readStatements(database, runId),
  };
}

/** In the order of `readSlices`. */
async function readSliceDetails(database: Queryable, runId: string): Promise<Omit<SliceDetails, 'pages'>[]> {
  const { rows } = await database.query<RowOf<Omit<SliceDetails, 'pages'>>>(
    `SELECT ordinal, field_group, cursor_from, cursor_to, open, id_from, id_to, null_cursor, cardinality(ids) AS id_count, generation, state,
       method, reason, count_before, count_after, requested_at, bulk_job_id, processed, staged
     FROM slices WHERE run_id = $1 ORDER BY null_cursor DESC, cursor_from, open, id_from NULLS FIRST, field_group, ordinal`,
    [runId],
  );
  return rows.map(toRecord);
}

async function readCurrentPages(database: Queryable, runId: string): Promise<Page[]> {
  const { rows } = await database.query<RowOf<Page>>(
    `SELECT pages.slice, pages.field_group, pages.generation, number, locator, next_locator, rows, bytes, load_try, loaded
     FROM pages JOIN slices ON slices.run_id = pages.run_id AND slices.ordinal = pages.slice AND slices.generation = pages.generation
     WHERE pages.run_id = $1 ORDER BY pages.slice, number`,
    [runId],
  );
  return rows.map(toRecord);
}

/** Those that succeeded, in order, then those that may still write. Uses billed_by_run and table_writes_by_job. */
async function readStatements(database: Queryable, runId: string): Promise<RunDetails['statements']> {
  const { rows } = await database.query<{ id: string; bytes: number | null }>(
    `SELECT statement AS id, bytes, billed_at AS at FROM billed WHERE run_id = $1
     UNION ALL SELECT statement, NULL, created_at FROM table_writes
     WHERE job_id = (SELECT job_id FROM runs WHERE id = $1) AND run_id = $1 AND NOT EXISTS (SELECT FROM billed WHERE billed.statement = table_writes.statement)
     ORDER BY at, id`,
    [runId],
  );
  return rows.map(({ id, bytes }) => ({ id, bytesBilled: bytes }));
}
