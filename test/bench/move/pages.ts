/** The headers of a result page: the locator of the next page, and the number of rows. */
export const PAGE_HEADERS = { locator: 'sforce-locator', rows: 'sforce-numberofrecords' };

/** As many pages of one Bulk job as the service loads in parallel. */
const CONCURRENT_PAGES = 3;

/** A page whose headers have arrived. */
export interface OpenPage {
  rows: number;
  /** null for the last page */
  next: string | null;
  move(): Promise<void>;
}

/** Moves pages as the service does: several in parallel, each found by the headers of the previous one. @returns the number of rows */
export async function movePages(open: (locator: string | null) => Promise<OpenPage>): Promise<number> {
  const inProgress = new Set<Promise<void>>();
  let rows = 0;
  for (let locator: string | null | undefined; locator !== null; ) {
    const page: OpenPage = await open(locator ?? null);
    rows += page.rows;
    locator = page.next;
    const moved = page.move().finally(() => inProgress.delete(moved));
    inProgress.add(moved);
    while (inProgress.size >= CONCURRENT_PAGES) await Promise.race(inProgress);
  }
  await Promise.all(inProgress);
  return rows;
}
