import { sum } from '../core/sum.ts';
import { refusalCode } from '../salesforce/errors.ts';
import { recordCount } from '../salesforce/record-count.ts';
import { MAX_URI, queryPath, readRestPage } from '../salesforce/rest.ts';
import { MAX_ROWS, type OrgBench } from './org-bench.ts';
import { type Answer, answer, notTried, type Probe } from './probe.ts';

/** Maximum rows in a REST page. */
const REST_PAGE_ROWS = 2_000;

/** The service's assumptions about Salesforce's REST API. */
export const REST_PROBES: readonly Probe<OrgBench>[] = [
  // REST, queryAll: totalSize is documented for query only. Small windows are reconciled against it.
  {
    what: 'The totalSize of the first queryAll page equals COUNT(), including deleted rows',
    ifNot: 'Unless rows were just edited, windows fail with count_mismatch.',
    try: totalIsCount,
  },
  // REST, Sforce-Query-Options: Salesforce's documentation calls batchSize a hint.
  {
    what: 'With batchSize=2000, a page has 2,000 rows',
    ifNot: 'Reading by REST takes more calls. This is known for objects with wide rows.',
    try: fullPage,
  },
  // REST, nextRecordsUrl: the format of the cursor differs between orgs.
  {
    what: 'The pages of a query, followed by nextRecordsUrl, add up to its totalSize',
    ifNot: 'Windows fail with count_mismatch.',
    try: pagesAddUp,
  },
  // REST, limits of a request: 16,384 bytes for URI and headers; the documentation does not say what an edge or proxy accepts.
  {
    what: `A URL of ${MAX_URI.toLocaleString('en')} bytes is accepted`,
    ifNot: 'Runs of objects with many fields fail with 414 or 431. Hide fields from the user.',
    try: longAddress,
  },
  // REST, sObject describe: If-Modified-Since is documented; ETag is not, but appears in replies.
  {
    what: 'An unchanged describe returns 304 for its ETag',
    ifNot: 'Every describe transfers the whole description.',
    try: (org) => notModified(org, 'etag', 'if-none-match'),
  },
  {
    what: 'An unchanged describe returns 304 for its Last-Modified',
    ifNot: 'Every describe transfers the whole description.',
    try: (org) => notModified(org, 'last-modified', 'if-modified-since'),
  },
  // REST, limits/recordCount: a cached estimate, for users with View Setup and Configuration.
  {
    what: 'recordCount returns an estimate of the number of records',
    ifNot: 'Long windows are split by time only, and large tables are not partitioned. Give the user View Setup and Configuration.',
    try: estimate,
  },
];

async function totalIsCount(org: OrgBench): Promise<Answer> {
  const rows = await org.restRows();
  if (!rows) return notTried('no query of the object fits in a URL');
  return answer(rows.totalSize === org.rows, `${rows.totalSize} rows, ${org.rows} counted${org.count > MAX_ROWS ? ', with LIMIT' : ''}`);
}

async function fullPage(org: OrgBench): Promise<Answer> {
  const rows = await org.restRows();
  if (!rows || org.rows <= REST_PAGE_ROWS) return notTried(`the object has ${org.rows} rows`);
  return answer(rows.pages[0] === REST_PAGE_ROWS, `${rows.pages[0]} rows`);
}

async function pagesAddUp(org: OrgBench): Promise<Answer> {
  const rows = await org.restRows();
  if (!rows) return notTried('no query of the object fits in a URL');
  return answer(sum(rows.pages) === rows.totalSize, `${sum(rows.pages)} of ${rows.totalSize} rows, on ${rows.pages.length} pages`);
}

/** Pads the query with spaces, which mean nothing and take three bytes each. */
async function longAddress(org: OrgBench): Promise<Answer> {
  const soql = (blanks: number): string => `SELECT Id FROM${' '.repeat(blanks)} ${org.objectName} LIMIT 1`;
  const blanks = Math.floor((MAX_URI - queryPath(org.client, soql(0))!.length) / 3);
  const path = queryPath(org.client, soql(blanks))!;
  const page = await readRestPage(org.client, path, ['Id'], org.signal);
  return answer(page.rows === 1, `${path.length} bytes`);
}

/** The client's `fetch` may return a 304 or throw it. */
async function notModified(org: OrgBench, validator: string, condition: string): Promise<Answer> {
  const path = `/services/data/v${org.client.version}/sobjects/${org.objectName}/describe`;
  const describe = async (headers: Record<string, string>) => {
    const response = await org.client.fetch('describe again', path, org.signal, { accept: 'application/json', ...headers });
    await response.body.dump();
    return response;
  };
  const value = [(await describe({})).headers[validator]].flat()[0];
  if (!value) return answer(false, `the describe response has no ${validator}`);
  const again = await describe({ [condition]: value }).then(
    ({ statusCode }) => String(statusCode),
    (error) => refusalCode(error) ?? 'no response',
  );
  return answer(/304$/.test(again), again.replace('ERROR_HTTP_', ''));
}

async function estimate(org: OrgBench): Promise<Answer> {
  const count = await recordCount(org.client, org.objectName);
  return answer(count !== null, count === null ? 'no estimate' : `${count}; COUNT() returns ${org.count}`);
}
