import { createHash } from 'node:crypto';
import { sum } from '../core/sum.ts';
import { refusalCode } from '../salesforce/errors.ts';
import { MAX_ROWS, type OrgBench, type Page } from './org-bench.ts';
import { type Answer, answer, notTried, type Probe } from './probe.ts';

const NO_ROW = 'Id = null';

/** The service's assumptions about Bulk API 2.0 queries. */
export const BULK_PROBES: readonly Probe<OrgBench>[] = [
  // The documentation does not say with which status and code Salesforce refuses the results of an incomplete job.
  {
    what: 'Salesforce refuses the results of an incomplete Bulk job',
    ifNot: 'Rows may be missing. Report this to the maintainers.',
    try: refusesEarly,
  },
  // Bulk API 2.0, query jobs: queryAll returns deleted rows. Reconciling a slice relies on its count matching COUNT().
  {
    what: 'A Bulk job processes as many rows as COUNT() returns, including deleted rows',
    ifNot: 'Unless rows were just edited, windows fail with count_mismatch.',
    try: countsAgree,
  },
  // The documentation says that results are "always compressed", but elsewhere that the server sometimes does not compress them.
  {
    what: 'Result pages are gzipped on request',
    ifNot: 'Pages are passed on as plain text, about ten times the bytes.',
    try: async (org) => everyPage(org, ({ gzip }) => gzip, 'compressed'),
  },
  // Same source. SALESFORCE_GZIP=off relies on it.
  {
    what: 'Result pages are plain text on request',
    ifNot: 'SALESFORCE_GZIP=off has no effect for this org.',
    try: comesPlain,
  },
  // RFC 1952 allows one gzip member or several. We read a page's size from the trailer, ISIZE; the documentation is silent.
  {
    what: 'The last four bytes of a compressed page give the length of its text',
    switch: 'SALESFORCE_GZIP=off',
    try: endsWithSize,
  },
  // Bulk API 2.0, results: seen in one org's replies. Not documented for every page.
  {
    what: 'Every page starts with a header line of the columns in query order, without a byte order mark',
    ifNot: 'The service refuses pages, because their values would end up in the wrong columns.',
    try: async (org) => everyPage(org, (page) => hasHeader(page, org.names), 'with the header'),
  },
  // The documentation does not say whether column names are spelled as in the query or the schema.
  {
    what: 'A lowercase query returns the same fields in its header, and an empty result is a header and the locator null',
    ifNot: 'The service refuses empty results.',
    try: emptyResult,
  },
  // Bulk API 2.0, results: Sforce-Locator and Sforce-NumberOfRecords.
  {
    what: 'Sforce-Locator is the text null on the last page only',
    ifNot: 'A proxy between the service and Salesforce may remove headers.',
    try: locatorsEnd,
  },
  {
    what: 'The Sforce-NumberOfRecords of the pages add up to the rows that the job processed',
    ifNot: 'Windows fail with count_mismatch.',
    try: pagesAddUp,
  },
  // Bulk API 2.0, results: the documentation implies that a locator can be reused, but does not say so.
  {
    what: 'The same locator returns the same page again',
    ifNot: 'A page whose download fails cannot be fetched again.',
    try: samePageAgain,
  },
  {
    what: 'The same locator with a smaller maxRecords returns the start of the same page',
    ifNot: 'Only resuming a page with its own number of rows relies on this.',
    try: shorterPage,
  },
  // The documentation does not give the default page size.
  { what: 'A small result requested without maxRecords is one page', ifNot: 'Nothing relies on this.', try: onePage },
  // Bulk API 2.0, results: another API version gets 409; the error code is not documented.
  {
    what: 'Salesforce refuses the results of a job to another API version',
    ifNot: 'SALESFORCE_API_VERSION can be changed while runs are open.',
    try: refusesVersion,
  },
  // Bulk API 2.0, delete a job. A slice whose job is missing is requested again.
  { what: 'A deleted Bulk job is NOT_FOUND', ifNot: 'A run fails if its Bulk job is deleted.', try: vanishes },
];

async function refusesEarly(org: OrgBench): Promise<Answer> {
  const { early, processed } = await org.job();
  if (early === 'given') return notTried(`the job of ${processed} rows completed immediately`);
  return answer(/^[A-Z_]+$/.test(early), early);
}

async function countsAgree(org: OrgBench): Promise<Answer> {
  const { processed } = await org.job();
  const expected = Math.min(org.count, MAX_ROWS);
  return answer(processed === expected, `${processed} processed, ${expected} counted${org.count > MAX_ROWS ? ', with LIMIT' : ''}`);
}

async function everyPage(org: OrgBench, is: (page: Page) => boolean, how: string): Promise<Answer> {
  const pages = await org.pages();
  const those = pages.filter(is).length;
  return answer(those === pages.length, `${those} of ${pages.length} pages ${how}`);
}

async function comesPlain(org: OrgBench): Promise<Answer> {
  const { id } = await org.job();
  const plain = await org.fetchPage(id, { maxRecords: org.pageRows, encoding: 'identity' });
  const [first] = await org.pages();
  return answer(!plain.gzip && hash(plain) === hash(first!), `${plain.bytes.length} bytes, ${first!.bytes.length} with gzip`);
}

async function endsWithSize(org: OrgBench): Promise<Answer> {
  const pages = (await org.pages()).filter(({ gzip }) => gzip);
  if (pages.length === 0) return notTried('no page was compressed');
  const right = pages.filter(({ bytes, text }) => bytes.readUInt32LE(bytes.length - 4) === text.length).length;
  return answer(right === pages.length, `correct for ${right} of ${pages.length} pages`);
}

function hasHeader({ text }: Page, names: readonly string[]): boolean {
  return text.subarray(0, text.indexOf('\n')).toString('utf8').toLowerCase() === quoted(names).toLowerCase();
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(',');
}

async function emptyResult(org: OrgBench): Promise<Answer> {
  const names = org.names.slice(0, 2);
  const soql = `SELECT ${names.join(', ').toLowerCase()} FROM ${org.objectName} WHERE ${NO_ROW}`;
  const { id, processed } = await org.runJob(soql);
  const page = await org.fetchPage(id, { maxRecords: 1_000 });
  const line = page.text.toString('utf8').trimEnd();
  const is = processed === 0 && page.rows === 0 && page.next === 'null' && hasHeader(page, names);
  const spelling = line === quoted(names) ? 'the schema' : line === quoted(names).toLowerCase() ? 'the query' : 'neither';
  return answer(is, `${processed} rows, locator ${page.next}, spelled as in ${spelling}`);
}

async function locatorsEnd(org: OrgBench): Promise<Answer> {
  const pages = await org.pages();
  const opaque = new Set(pages.slice(0, -1).map(({ next }) => next));
  const ends = pages.at(-1)!.next === 'null' && !opaque.has(undefined) && opaque.size === pages.length - 1;
  return answer(ends && pages.length > 1, `${pages.length} pages; the locator of the last one: ${pages.at(-1)!.next ?? 'no header'}`);
}

async function pagesAddUp(org: OrgBench): Promise<Answer> {
  const { processed } = await org.job();
  const rows = sum((await org.pages()).map((page) => page.rows));
  return answer(rows === processed, `${rows} on pages, ${processed} processed`);
}

/** The second page, the first that has a locator. */
async function secondPage(org: OrgBench): Promise<Page | undefined> {
  return (await org.pages())[1];
}

async function samePageAgain(org: OrgBench): Promise<Answer> {
  const page = await secondPage(org);
  if (!page) return notTried('there is only one page');
  const again = await org.fetchPage((await org.job()).id, { locator: page.locator, maxRecords: page.rows });
  return answer(hash(again) === hash(page) && again.next === page.next, `${page.rows} rows, then ${again.rows}`);
}

async function shorterPage(org: OrgBench): Promise<Answer> {
  const page = await secondPage(org);
  if (!page || page.rows < 2) return notTried('the pages have too few rows');
  const rows = Math.floor(page.rows / 2);
  const shorter = await org.fetchPage((await org.job()).id, { locator: page.locator, maxRecords: rows });
  const begins = page.text.subarray(0, shorter.text.length).equals(shorter.text);
  return answer(begins && shorter.rows === rows, `${shorter.rows} of ${page.rows} rows`);
}

async function onePage(org: OrgBench): Promise<Answer> {
  const { id, processed } = await org.job();
  const page = await org.fetchPage(id, {});
  return answer(page.rows === processed && page.next === 'null', `${page.rows} of ${processed} rows`);
}

async function refusesVersion(org: OrgBench): Promise<Answer> {
  const { id } = await org.job();
  const version = `${Number(org.client.version) - 1}.0`;
  const code = await org.fetchPage(id, { version, maxRecords: 1 }).then(
    () => 'given',
    (error) => refusalCode(error) ?? 'no code',
  );
  return answer(code !== 'given', `with version ${version}: ${code}`);
}

async function vanishes(org: OrgBench): Promise<Answer> {
  const { id } = await org.runJob(`SELECT Id FROM ${org.objectName} WHERE ${NO_ROW}`);
  await org.deleteJob(id);
  const code = await org.fetchPage(id, {}).then(
    () => 'given',
    (error) => refusalCode(error) ?? 'no code',
  );
  return answer(code === 'NOT_FOUND', code);
}

function hash({ text }: Page): string {
  return createHash('sha256').update(text).digest('hex');
}
