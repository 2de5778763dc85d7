import { sum } from '../core/sum.ts';
import { refusalCode } from '../salesforce/errors.ts';
import { recordCount } from '../salesforce/record-count.ts';
import { MAX_URI, queryPath, readRestPage } from '../salesforce/rest.ts';
import { MAX_ROWS, type OrgBench } from './org-bench.ts';
import { type Answer, answer, notTried, type Probe } from './probe.ts';

/** Rows that a page of REST has at most. */
const REST_PAGE_ROWS = 2_000;

/** What the service takes for granted of Salesforce's REST API. */
export const REST_PROBES: readonly Probe<OrgBench>[] = [
  // REST, queryAll: totalSize is documented for query. It is the count that a small window is proved by.
  {
    what: 'The totalSize of the first page of queryAll is the count of COUNT(), deleted rows included',
    ifNot: 'Where rows were not edited just now, windows fail by count_mismatch.',
    try: totalIsCount,
  },
  // REST, Sforce-Query-Options: Salesforce's documentation calls batchSize a hint.
  {
    what: 'With batchSize=2000, a page has 2,000 rows',
    ifNot: 'Reading by REST takes more calls; objects with wide rows are known for it.',
    try: fullPage,
  },
  // REST, nextRecordsUrl: the cursor's form differs from org to org.
  {
    what: 'The pages of a query, followed by nextRecordsUrl, add up to its totalSize',
    ifNot: 'Windows fail by count_mismatch.',
    try: pagesAddUp,
  },
  // REST, limits of a request: 16,384 bytes for URI and headers; Salesforce's documentation does not say what an edge or a proxy takes.
  {
    what: `An address of ${MAX_URI.toLocaleString('en')} bytes is taken`,
    ifNot: 'Runs of objects with many fields fail by 414 or 431: hide fields from the user.',
    try: longAddress,
  },
  // REST, sObject describe: If-Modified-Since is documented; ETag was seen in replies, and is not.
  {
    what: 'A describe that has not changed is answered by 304 to its ETag',
    ifNot: 'Each look at an object costs a whole describe.',
    try: (org) => notModified(org, 'etag', 'if-none-match'),
  },
  {
    what: 'A describe that has not changed is answered by 304 to its Last-Modified',
    ifNot: 'Each look at an object costs a whole describe.',
    try: (org) => notModified(org, 'last-modified', 'if-modified-since'),
  },
  // REST, limits/recordCount: a cached estimate, for users with View Setup and Configuration.
  {
    what: 'recordCount tells about how many records the object has',
    ifNot: 'Long windows are cut by time alone, and large tables are not partitioned: give the user View Setup and Configuration.',
    try: estimate,
  },
];

async function totalIsCount(org: OrgBench): Promise<Answer> {
  const rows = await org.restRows();
  if (!rows) return notTried('no query of the object fits an address');
  return answer(rows.totalSize === org.rows, `${rows.totalSize} rows, ${org.rows} counted${org.count > MAX_ROWS ? ', by LIMIT' : ''}`);
}

async function fullPage(org: OrgBench): Promise<Answer> {
  const rows = await org.restRows();
  if (!rows || org.rows <= REST_PAGE_ROWS) return notTried(`the object has ${org.rows} rows`);
  return answer(rows.pages[0] === REST_PAGE_ROWS, `${rows.pages[0]} rows`);
}

async function pagesAddUp(org: OrgBench): Promise<Answer> {
  const rows = await org.restRows();
  if (!rows) return notTried('no query of the object fits an address');
  return answer(sum(rows.pages) === rows.totalSize, `${sum(rows.pages)} of ${rows.totalSize} rows, on ${rows.pages.length} pages`);
}

/** Blanks between words mean nothing, and take three bytes each. */
async function longAddress(org: OrgBench): Promise<Answer> {
  const soql = (blanks: number): string => `SELECT Id FROM${' '.repeat(blanks)} ${org.objectName} LIMIT 1`;
  const blanks = Math.floor((MAX_URI - queryPath(org.client, soql(0))!.length) / 3);
  const path = queryPath(org.client, soql(blanks))!;
  const page = await readRestPage(org.client, path, ['Id'], org.signal);
  return answer(page.rows === 1, `${path.length} bytes`);
}

/** A client's `fetch` takes 304 for an error, or does not. */
async function notModified(org: OrgBench, told: string, asked: string): Promise<Answer> {
  const path = `/services/data/v${org.client.version}/sobjects/${org.objectName}/describe`;
  const describe = async (headers: Record<string, string>) => {
    const response = await org.client.fetch('describe again', path, org.signal, { accept: 'application/json', ...headers });
    await response.body.dump();
    return response;
  };
  const value = [(await describe({})).headers[told]].flat()[0];
  if (!value) return answer(false, `the describe came without ${told}`);
  const again = await describe({ [asked]: value }).then(
    ({ statusCode }) => String(statusCode),
    (error) => refusalCode(error) ?? 'no answer',
  );
  return answer(/304$/.test(again), again.replace('ERROR_HTTP_', ''));
}

async function estimate(org: OrgBench): Promise<Answer> {
  const count = await recordCount(org.client, org.objectName);
  return answer(count !== null, count === null ? 'it does not tell' : `${count}, and COUNT() ${org.count}`);
}
