import { createHash } from 'node:crypto';
import { sum } from '../core/sum.ts';
import { refusalCode } from '../salesforce/errors.ts';
import { MAX_ROWS, type OrgBench, type Page } from './org-bench.ts';
import { type Answer, answer, notTried, type Probe } from './probe.ts';

const NO_ROW = 'Id = null';

/** What the service takes for granted of Bulk API 2.0 queries. */
export const BULK_PROBES: readonly Probe<OrgBench>[] = [
  // Salesforce's documentation of a query job's results does not say with which status and code they are refused before their time.
  {
    what: 'The results of a Bulk job that is not complete are refused',
    ifNot: 'Rows may be missing: tell the authors.',
    try: refusesEarly,
  },
  // Bulk API 2.0, query jobs: queryAll returns deleted rows. That its count is COUNT()'s is what a slice is proved by.
  {
    what: 'A Bulk job processes as many rows as COUNT() tells, deleted ones included',
    ifNot: 'Where rows were not edited just now, windows fail by count_mismatch.',
    try: countsAgree,
  },
  // Salesforce's documentation says that results are "always compressed", and elsewhere that the server sometimes does not compress.
  {
    what: 'Result pages come gzipped when that is asked for',
    ifNot: 'Pages are passed on as plain text, about ten times the bytes.',
    try: async (org) => everyPage(org, ({ gzip }) => gzip, 'compressed'),
  },
  // The same sentence; SALESFORCE_GZIP=off leans on it.
  {
    what: 'Result pages come as plain text when that is asked for',
    ifNot: 'SALESFORCE_GZIP=off changes nothing here.',
    try: comesPlain,
  },
  // Not in Salesforce's documentation: gzip is RFC 1952's, in one member or several. Widths of pages are read from the trailer, ISIZE.
  {
    what: "A compressed page's last four bytes tell the length of its text",
    switch: 'SALESFORCE_GZIP=off',
    try: endsWithSize,
  },
  // Bulk API 2.0, results: seen in replies of one org; that every page repeats it is not documented.
  {
    what: 'Every page begins with a header line of the columns in the order of the query, and no byte order mark',
    ifNot: 'Pages are refused, since their values would stand in wrong columns.',
    try: async (org) => everyPage(org, (page) => hasHeader(page, org.names), 'with the header'),
  },
  // Salesforce's documentation does not say whether the spelling follows the query or the schema.
  {
    what: 'The header of a query in small letters names the same fields, and a result of no rows is a header and the locator null',
    ifNot: 'Empty results are refused.',
    try: emptyResult,
  },
  // Bulk API 2.0, results: Sforce-Locator and Sforce-NumberOfRecords.
  {
    what: 'Sforce-Locator is the text null on the last page and nowhere else',
    ifNot: 'A proxy between here and Salesforce may take headers away.',
    try: locatorsEnd,
  },
  {
    what: "The pages' Sforce-NumberOfRecords add up to what the job says it processed",
    ifNot: 'Windows fail by count_mismatch.',
    try: pagesAddUp,
  },
  // Bulk API 2.0, results: that a locator can be used again is implied, not said.
  {
    what: 'The same locator gives the same page again',
    ifNot: 'A page that breaks off cannot be fetched again.',
    try: samePageAgain,
  },
  {
    what: 'The same locator with a smaller maxRecords gives the beginning of the same page',
    ifNot: 'Nothing here relies upon it but a page that is resumed with its own number of rows.',
    try: shorterPage,
  },
  // Salesforce's documentation does not say how many rows a page has today where none are asked for.
  { what: 'A small result that is asked for without maxRecords is one page', ifNot: 'Nothing relies upon it.', try: onePage },
  // Bulk API 2.0, results: another version of the API answers 409; its code is not documented.
  {
    what: 'The results of a job are refused to another version of the API',
    ifNot: 'SALESFORCE_API_VERSION may then be changed while runs are open.',
    try: refusesVersion,
  },
  // Bulk API 2.0, delete a job. A slice whose job has vanished is asked for anew.
  { what: 'A Bulk job that was deleted is NOT_FOUND', ifNot: 'Runs whose Bulk job vanished fail.', try: vanishes },
];

async function refusesEarly(org: OrgBench): Promise<Answer> {
  const { early, processed } = await org.job();
  if (early === 'given') return notTried(`the job of ${processed} rows was complete at once`);
  return answer(/^[A-Z_]+$/.test(early), early);
}

async function countsAgree(org: OrgBench): Promise<Answer> {
  const { processed } = await org.job();
  const expected = Math.min(org.count, MAX_ROWS);
  return answer(processed === expected, `${processed} processed, ${expected} counted${org.count > MAX_ROWS ? ', by LIMIT' : ''}`);
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
  return answer(!plain.gzip && hash(plain) === hash(first!), `${plain.bytes.length} bytes, ${first!.bytes.length} as asked for with gzip`);
}

async function endsWithSize(org: OrgBench): Promise<Answer> {
  const pages = (await org.pages()).filter(({ gzip }) => gzip);
  if (pages.length === 0) return notTried('no page came compressed');
  const right = pages.filter(({ bytes, text }) => bytes.readUInt32LE(bytes.length - 4) === text.length).length;
  return answer(right === pages.length, `true of ${right} of ${pages.length} pages`);
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
  return answer(ends && pages.length > 1, `${pages.length} pages, the last with ${pages.at(-1)!.next ?? 'no header'}`);
}

async function pagesAddUp(org: OrgBench): Promise<Answer> {
  const { processed } = await org.job();
  const rows = sum((await org.pages()).map((page) => page.rows));
  return answer(rows === processed, `${rows} on pages, ${processed} processed`);
}

/** The page after the first: its locator is not the beginning's. */
async function secondPage(org: OrgBench): Promise<Page | undefined> {
  return (await org.pages())[1];
}

async function samePageAgain(org: OrgBench): Promise<Answer> {
  const page = await secondPage(org);
  if (!page) return notTried('there is one page only');
  const again = await org.fetchPage((await org.job()).id, { locator: page.locator, maxRecords: page.rows });
  return answer(hash(again) === hash(page) && again.next === page.next, `${page.rows} rows, ${again.rows} of them again`);
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
  return answer(code !== 'given', `asked with ${version}: ${code}`);
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
