import { assign } from '../assign.ts';
import { onlyRow, type Queryable } from '../database.ts';
import { LEASE_HELD, type Lease, requireLease } from '../lease.ts';
import { type RowOf, toRecord } from '../to-record.ts';
import type { Slice } from './slices.ts';

/** One result page of a slice, loaded by one load job. */
export interface Page {
  readonly slice: number;
  readonly fieldGroup: number;
  readonly generation: number;
  readonly number: number;
  /** null for the first page */
  readonly locator: string | null;
  /** null on the last page, and until the page's headers are read */
  readonly nextLocator: string | null;
  /** according to its header */
  readonly rows: number | null;
  /** as received, usually compressed */
  readonly bytes: number | null;
  readonly loadTry: number;
  /** rows that the load job wrote; null until it succeeds */
  readonly loaded: number | null;
}

const PAGE_COLUMNS = 'slice, field_group, generation, number, locator, next_locator, rows, bytes, load_try, loaded';

/** The started pages of a slice's generation, in order. */
export async function readPages(database: Queryable, runId: string, slice: Slice): Promise<Page[]> {
  const { rows } = await database.query<RowOf<Page>>(
    `SELECT ${PAGE_COLUMNS} FROM pages WHERE run_id = $1 AND slice = $2 AND generation = $3 ORDER BY number`,
    [runId, slice.ordinal, slice.generation],
  );
  return rows.map(toRecord);
}

/** Records a page before it is fetched, so that any later worker knows its load job's id. @throws AppError lease_lost */
export async function insertPage(
  database: Queryable,
  lease: Lease,
  page: Pick<Page, 'slice' | 'fieldGroup' | 'generation' | 'number' | 'locator'>,
): Promise<Page> {
  const result = await database.query<RowOf<Page>>(
    `INSERT INTO pages (run_id, slice, field_group, generation, number, locator)
     SELECT $1, $3, $4, $5, $6, $7 WHERE ${LEASE_HELD} RETURNING ${PAGE_COLUMNS}`,
    [lease.runId, lease.attempt, page.slice, page.fieldGroup, page.generation, page.number, page.locator],
  );
  requireLease(result.rowCount, lease);
  return toRecord(onlyRow(result));
}

/** The properties of a page that become known while it loads. */
export type PageProgress = Partial<Pick<Page, 'nextLocator' | 'rows' | 'bytes' | 'loadTry' | 'loaded'>>;

/** Saves the given properties of a page; the others stay unchanged. @throws AppError lease_lost */
export async function savePage(database: Queryable, lease: Lease, page: Page, learned: PageProgress): Promise<Page> {
  const { sql, parameters } = assign(learned, 6);
  const result = await database.query<RowOf<Page>>(
    `UPDATE pages SET ${sql}
     WHERE run_id = $1 AND slice = $3 AND generation = $4 AND number = $5 AND ${LEASE_HELD} RETURNING ${PAGE_COLUMNS}`,
    [lease.runId, lease.attempt, page.slice, page.generation, page.number, ...parameters],
  );
  requireLease(result.rowCount, lease);
  return toRecord(onlyRow(result));
}
