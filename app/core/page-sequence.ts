/** What the headers of a result page say. */
export interface PageHeader {
  rows: number;
  /** null: this is the last page */
  nextLocator: string | null;
}

/**
 * Why a sequence of result pages cannot be the whole result; undefined while it still can be. Every page must bring rows that were announced
 * and lead to one that was not read yet, so that no sequence goes on forever.
 * @param pages as far as they were read, in order
 * @param announced rows of the whole result, as Salesforce counted them
 */
export function findPageFault(pages: readonly PageHeader[], announced: number): string | undefined {
  const locators = new Set<string>();
  let rows = 0;
  for (const page of pages) {
    rows += page.rows;
    if (rows > announced) return `Salesforce announced ${announced} rows, but its pages contain at least ${rows}`;
    if (page.nextLocator === null) continue;
    if (page.rows === 0) return 'Salesforce returned an empty page that is not the last one';
    if (locators.has(page.nextLocator)) return 'Salesforce returned the same page locator twice';
    locators.add(page.nextLocator);
  }
  return undefined;
}
