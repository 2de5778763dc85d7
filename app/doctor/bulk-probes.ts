import { createHash } from 'node:crypto';
import { sum } from '../core/sum.ts';
import { refusalCode } from '../salesforce/errors.ts';
import { notTested, type Probe, type ProbeResult, toResult } from './probe.ts';
import { MAX_ROWS, type Page, type ProbeOrg } from './probe-org.ts';

const NO_ROW = 'Id = null';

/** The service's assumptions about Bulk API 2.0 queries. */
export const BULK_PROBES: readonly Probe<ProbeOrg>[] = [
  // The documentation does not say with which status and code Salesforce refuses the results of an incomplete job.
  {
    assumption: 'Salesforce refuses the results of an incomplete Bulk job',
    consequence: 'Rows may be missing. Report this to the maintainers.',
    run: checkEarlyResults,
  },
  // Bulk API 2.0, query jobs: queryAll returns deleted rows. Reconciling a slice relies on its count matching COUNT().
  {
    assumption: 'A Bulk job processes as many rows as COUNT() returns, including deleted rows',
    consequence: 'Unless rows were just edited, windows fail with count_mismatch.',
    run: compareCounts,
  },
  // The documentation says that results are "always compressed", but elsewhere that the server sometimes does not compress them.
  {
    assumption: 'Result pages are gzipped on request',
    consequence: 'Pages are passed on as plain text, about ten times the bytes.',
    run: async (org) => checkEveryPage(org, ({ gzip }) => gzip, 'compressed'),
  },
  // Same source. SALESFORCE_GZIP=off relies on it.
  {
    assumption: 'Result pages are plain text on request',
    consequence: 'SALESFORCE_GZIP=off has no effect for this org.',
    run: checkPlainText,
  },
  // RFC 1952 allows one gzip member or several. We read a page's size from the trailer, ISIZE; the documentation is silent.
  {
    assumption: 'The last four bytes of a compressed page give the length of its text',
    workaround: 'SALESFORCE_GZIP=off',
    run: checkGzipSize,
  },
  // Bulk API 2.0, results: seen in one org's replies. Not documented for every page.
  {
    assumption: 'Every page starts with a header line of the columns in query order, without a byte order mark',
    consequence: 'The service refuses pages, because their values would end up in the wrong columns.',
    run: async (org) => checkEveryPage(org, (page) => hasHeader(page, org.names), 'with the header'),
  },
  // The documentation does not say whether column names are spelled as in the query or the schema.
  {
    assumption: 'A lowercase query returns the same fields in its header, and an empty result is a header and the locator null',
    consequence: 'The service refuses empty results.',
    run: checkEmptyResult,
  },
  // Bulk API 2.0, results: Sforce-Locator and Sforce-NumberOfRecords.
  {
    assumption: 'Sforce-Locator is the text null on the last page only',
    consequence: 'A proxy between the service and Salesforce may remove headers.',
    run: checkLastLocator,
  },
  {
    assumption: 'The Sforce-NumberOfRecords of the pages add up to the rows that the job processed',
    consequence: 'Windows fail with count_mismatch.',
    run: checkPageRows,
  },
  // Bulk API 2.0, results: the documentation implies that a locator can be reused, but does not say so.
  {
    assumption: 'The same locator returns the same page again',
    consequence: 'A page whose download fails cannot be fetched again.',
    run: refetchPage,
  },
  {
    assumption: 'The same locator with a smaller maxRecords returns the start of the same page',
    consequence: 'Only resuming a page with its own number of rows relies on this.',
    run: fetchShorterPage,
  },
  // The documentation does not give the default page size.
  { assumption: 'A small result requested without maxRecords is one page', consequence: 'Nothing relies on this.', run: checkSinglePage },
  // Bulk API 2.0, results: another API version gets 409; the error code is not documented.
  {
    assumption: 'Salesforce refuses the results of a job to another API version',
    consequence: 'SALESFORCE_API_VERSION can be changed while runs are open.',
    run: checkOtherVersion,
  },
  // Bulk API 2.0, delete a job. A slice whose job is missing is requested again.
  { assumption: 'A deleted Bulk job is NOT_FOUND', consequence: 'A run fails if its Bulk job is deleted.', run: checkDeletedJob },
];

async function checkEarlyResults(org: ProbeOrg): Promise<ProbeResult> {
  const { earlyResponse, processed } = await org.job();
  if (earlyResponse === 'available') return notTested(`the job of ${processed} rows completed immediately`);
  return toResult(/^[A-Z_]+$/.test(earlyResponse), earlyResponse);
}

async function compareCounts(org: ProbeOrg): Promise<ProbeResult> {
  const { processed } = await org.job();
  const expected = Math.min(org.count, MAX_ROWS);
  return toResult(processed === expected, `${processed} processed, ${expected} counted${org.count > MAX_ROWS ? ', with LIMIT' : ''}`);
}

async function checkEveryPage(org: ProbeOrg, is: (page: Page) => boolean, how: string): Promise<ProbeResult> {
  const pages = await org.pages();
  const those = pages.filter(is).length;
  return toResult(those === pages.length, `${those} of ${pages.length} pages ${how}`);
}

async function checkPlainText(org: ProbeOrg): Promise<ProbeResult> {
  const { id } = await org.job();
  const plain = await org.fetchPage(id, { maxRecords: org.pageRows, encoding: 'identity' });
  const [first] = await org.pages();
  return toResult(!plain.gzip && hash(plain) === hash(first!), `${plain.bytes.length} bytes, ${first!.bytes.length} with gzip`);
}

async function checkGzipSize(org: ProbeOrg): Promise<ProbeResult> {
  const pages = (await org.pages()).filter(({ gzip }) => gzip);
  if (pages.length === 0) return notTested('no page was compressed');
  const right = pages.filter(({ bytes, text }) => bytes.readUInt32LE(bytes.length - 4) === text.length).length;
  return toResult(right === pages.length, `correct for ${right} of ${pages.length} pages`);
}

function hasHeader({ text }: Page, names: readonly string[]): boolean {
  return text.subarray(0, text.indexOf('\n')).toString('utf8').toLowerCase() === quoted(names).toLowerCase();
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(',');
}

async function checkEmptyResult(org: ProbeOrg): Promise<ProbeResult> {
  const names = org.names.slice(0, 2);
  const soql = `SELECT ${names.join(', ').toLowerCase()} FROM ${org.objectName} WHERE ${NO_ROW}`;
  const { id, processed } = await org.runJob(soql);
  const page = await org.fetchPage(id, { maxRecords: 1_000 });
  const line = page.text.toString('utf8').trimEnd();
  const is = processed === 0 && page.rows === 0 && page.next === 'null' && hasHeader(page, names);
  const spelling = line === quoted(names) ? 'the schema' : line === quoted(names).toLowerCase() ? 'the query' : 'neither';
  return toResult(is, `${processed} rows, locator ${page.next}, spelled as in ${spelling}`);
}

async function checkLastLocator(org: ProbeOrg): Promise<ProbeResult> {
  const pages = await org.pages();
  const opaque = new Set(pages.slice(0, -1).map(({ next }) => next));
  const ends = pages.at(-1)!.next === 'null' && !opaque.has(undefined) && opaque.size === pages.length - 1;
  return toResult(ends && pages.length > 1, `${pages.length} pages; the locator of the last one: ${pages.at(-1)!.next ?? 'no header'}`);
}

async function checkPageRows(org: ProbeOrg): Promise<ProbeResult> {
  const { processed } = await org.job();
  const rows = sum((await org.pages()).map((page) => page.rows));
  return toResult(rows === processed, `${rows} on pages, ${processed} processed`);
}

/** The second page, the first that has a locator. */
async function secondPage(org: ProbeOrg): Promise<Page | undefined> {
  return (await org.pages())[1];
}

async function refetchPage(org: ProbeOrg): Promise<ProbeResult> {
  const page = await secondPage(org);
  if (!page) return notTested('there is only one page');
  const again = await org.fetchPage((await org.job()).id, { locator: page.locator, maxRecords: page.rows });
  return toResult(hash(again) === hash(page) && again.next === page.next, `${page.rows} rows, then ${again.rows}`);
}

async function fetchShorterPage(org: ProbeOrg): Promise<ProbeResult> {
  const page = await secondPage(org);
  if (!page || page.rows < 2) return notTested('the pages have too few rows');
  const rows = Math.floor(page.rows / 2);
  const shorter = await org.fetchPage((await org.job()).id, { locator: page.locator, maxRecords: rows });
  const isPrefix = page.text.subarray(0, shorter.text.length).equals(shorter.text);
  return toResult(isPrefix && shorter.rows === rows, `${shorter.rows} of ${page.rows} rows`);
}

async function checkSinglePage(org: ProbeOrg): Promise<ProbeResult> {
  const { id, processed } = await org.job();
  const page = await org.fetchPage(id, {});
  return toResult(page.rows === processed && page.next === 'null', `${page.rows} of ${processed} rows`);
}

async function checkOtherVersion(org: ProbeOrg): Promise<ProbeResult> {
  const { id } = await org.job();
  const version = `${Number(org.client.version) - 1}.0`;
  const code = await org.fetchPage(id, { version, maxRecords: 1 }).then(
    () => 'available',
    (error) => refusalCode(error) ?? 'no code',
  );
  return toResult(code !== 'available', `with version ${version}: ${code}`);
}

async function checkDeletedJob(org: ProbeOrg): Promise<ProbeResult> {
  const { id } = await org.runJob(`SELECT Id FROM ${org.objectName} WHERE ${NO_ROW}`);
  await org.deleteJob(id);
  const code = await org.fetchPage(id, {}).then(
    () => 'available',
    (error) => refusalCode(error) ?? 'no code',
  );
  return toResult(code === 'NOT_FOUND', code);
}

function hash({ text }: Page): string {
  return createHash('sha256').update(text).digest('hex');
}
