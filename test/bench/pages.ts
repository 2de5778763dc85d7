/** The headers of a result page: where the next one is, and how many rows this one has. */
export const PAGE_HEADERS = { locator: 'sforce-locator', rows: 'sforce-numberofrecords' };

/** As many as the service passes on of one job at once. */
const PAGES_AT_ONCE = 3;

/** A page whose headers were read. */
export interface OpenPage {
  rows: number;
  /** null: this was the last */
  next: string | null;
  move(): Promise<void>;
}

/** Moves pages as the service does: the headers of one tell the next, and several are under way at once. @returns how many rows they had */
export async function movePages(open: (locator: string | null) => Promise<OpenPage>): Promise<number> {
  const underWay = new Set<Promise<void>>();
  let rows = 0;
  for (let locator: string | null | undefined; locator !== null; ) {
    const page: OpenPage = await open(locator ?? null);
    rows += page.rows;
    locator = page.next;
    const moved = page.move().finally(() => underWay.delete(moved));
    underWay.add(moved);
    while (underWay.size >= PAGES_AT_ONCE) await Promise.race(underWay);
  }
  await Promise.all(underWay);
  return rows;
}
