import { onlyRow, type Queryable } from './database.ts';
import { LEASE_HELD, type Lease, requireLease } from './runs.ts';
import type { Slice } from './slices.ts';

/** One result page of a slice, loaded by one load job. */
export interface Page {
  slice: number;
  fieldGroup: number;
  generation: number;
  number: number;
  /** null for the first page */
  locator: string | null;
  /** null on the last page, and until the page's headers are read */
  nextLocator: string | null;
  /** according to its header */
  rows: number | null;
  /** as received, usually compressed */
  bytes: number | null;
  loadTry: number;
  /** rows that the load job wrote; null until it succeeds */
  loaded: number | null;
}

interface Row {
  slice: number;
  field_group: number;
  generation: number;
  number: number;
  locator: string | null;
  next_locator: string | null;
  rows: number | null;
  bytes: number | null;
  load_try: number;
  loaded: number | null;
}

/** The started pages of a slice's generation, in order. */
export async function readPages(database: Queryable, runId: string, slice: Slice): Promise<Page[]> {
  const { rows } = await database.query<Row>('SELECT * FROM pages WHERE run_id = $1 AND slice = $2 AND generation = $3 ORDER BY number', [
    runId,
    slice.ordinal,
    slice.generation,
  ]);
  return rows.map(toPage);
}

/** Records a page before it is fetched, so that any later worker knows its load job's id. @throws AppError lease_lost */
export async function insertPage(
  database: Queryable,
  lease: Lease,
  page: Pick<Page, 'slice' | 'fieldGroup' | 'generation' | 'number' | 'locator'>,
): Promise<Page> {
  const result = await database.query<Row>(
    `INSERT INTO pages (run_id, slice, field_group, generation, number, locator)
     SELECT $1, $3, $4, $5, $6, $7 WHERE ${LEASE_HELD} RETURNING *`,
    [lease.runId, lease.attempt, page.slice, page.fieldGroup, page.generation, page.number, page.locator],
  );
  requireLease(result.rowCount, lease);
  return toPage(onlyRow(result));
}

/** The properties of a page that become known while it loads. */
export type PageProgress = Partial<Pick<Page, 'nextLocator' | 'rows' | 'bytes' | 'loadTry' | 'loaded'>>;

/** Saves the given properties of a page; the others stay unchanged. @throws AppError lease_lost */
export async function savePage(database: Queryable, lease: Lease, page: Page, learned: PageProgress): Promise<Page> {
  const result = await database.query<Row>(
    `UPDATE pages SET next_locator = coalesce($6, next_locator), rows = coalesce($7, rows), bytes = coalesce($8, bytes),
       load_try = coalesce($9, load_try), loaded = coalesce($10, loaded)
     WHERE run_id = $1 AND slice = $3 AND generation = $4 AND number = $5 AND ${LEASE_HELD} RETURNING *`,
    [
      lease.runId,
      lease.attempt,
      page.slice,
      page.generation,
      page.number,
      learned.nextLocator ?? null,
      learned.rows ?? null,
      learned.bytes ?? null,
      learned.loadTry ?? null,
      learned.loaded ?? null,
    ],
  );
  requireLease(result.rowCount, lease);
  return toPage(onlyRow(result));
}

function toPage(row: Row): Page {
  return {
    slice: row.slice,
    fieldGroup: row.field_group,
    generation: row.generation,
    number: row.number,
    locator: row.locator,
    nextLocator: row.next_locator,
    rows: row.rows,
    bytes: row.bytes,
    loadTry: row.load_try,
    loaded: row.loaded,
  };
}
