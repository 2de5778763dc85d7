/** The headers of a result page. */
export interface PageHeader {
  rows: number;
  /** null: this is the last page */
  nextLocator: string | null;
}

/**
 * Why a sequence of result pages cannot be the complete result; undefined while it still can. Every page must contain announced rows and
 * lead to an unread page, so that no sequence is endless.
 * @param pages the pages read so far, in order
 * @param announced rows of the complete result, according to Salesforce
 */
export function findPageSequenceError(pages: readonly PageHeader[], announced: number): string | undefined {
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
