import { sum } from '../core/sum.ts';
import { refusalCode } from '../salesforce/errors.ts';
import { estimateRecordCount } from '../salesforce/record-count.ts';
import { MAX_URI_BYTES, queryPath, readRestPage } from '../salesforce/rest.ts';
import { notTested, type Probe, type ProbeResult, toResult } from './probe.ts';
import { MAX_ROWS, type ProbeOrg } from './probe-org.ts';

/** Maximum rows in a REST page. */
const REST_PAGE_ROWS = 2_000;

/** The service's assumptions about Salesforce's REST API. */
export const REST_PROBES: readonly Probe<ProbeOrg>[] = [
  // REST, queryAll: totalSize is documented for query only. Small windows are reconciled against it.
  {
    assumption: 'The totalSize of the first queryAll page equals COUNT(), including deleted rows',
    consequence: 'Unless rows were just edited, windows fail with count_mismatch.',
    run: checkTotalSize,
  },
  // REST, Sforce-Query-Options: Salesforce's documentation calls batchSize a hint.
  {
    assumption: 'With batchSize=2000, a page has 2,000 rows',
    consequence: 'Reading by REST takes more calls. This is known for objects with wide rows.',
    run: checkPageSize,
  },
  // REST, nextRecordsUrl: the format of the cursor differs between orgs.
  {
    assumption: 'The pages of a query, followed by nextRecordsUrl, add up to its totalSize',
    consequence: 'Windows fail with count_mismatch.',
    run: checkPageRows,
  },
  // REST, limits of a request: 16,384 bytes for URI and headers; the documentation does not say what an edge or proxy accepts.
  {
    assumption: `A URL of ${MAX_URI_BYTES.toLocaleString('en')} bytes is accepted`,
    consequence: 'Runs of objects with many fields fail with 414 or 431. Hide fields from the user.',
    run: checkLongUrl,
  },
  // REST, sObject describe: If-Modified-Since is documented; ETag is not, but appears in replies.
  {
    assumption: 'An unchanged describe returns 304 for its ETag',
    consequence: 'Every describe transfers the whole description.',
    run: (org) => checkNotModified(org, 'etag', 'if-none-match'),
  },
  {
    assumption: 'An unchanged describe returns 304 for its Last-Modified',
    consequence: 'Every describe transfers the whole description.',
    run: (org) => checkNotModified(org, 'last-modified', 'if-modified-since'),
  },
  // REST, limits/recordCount: a cached estimate, for users with View Setup and Configuration.
  {
    assumption: 'recordCount returns an estimate of the number of records',
    consequence: 'Long windows are split by time only, and large tables are not partitioned. Give the user View Setup and Configuration.',
    run: checkRecordCount,
  },
];

async function checkTotalSize(org: ProbeOrg): Promise<ProbeResult> {
  const rows = await org.restRows();
  if (!rows) return notTested('no query of the object fits in a URL');
  return toResult(rows.totalSize === org.rows, `${rows.totalSize} rows, ${org.rows} counted${org.count > MAX_ROWS ? ', with LIMIT' : ''}`);
}

async function checkPageSize(org: ProbeOrg): Promise<ProbeResult> {
  const rows = await org.restRows();
  if (!rows || org.rows <= REST_PAGE_ROWS) return notTested(`the object has ${org.rows} rows`);
  return toResult(rows.pages[0] === REST_PAGE_ROWS, `${rows.pages[0]} rows`);
}

async function checkPageRows(org: ProbeOrg): Promise<ProbeResult> {
  const rows = await org.restRows();
  if (!rows) return notTested('no query of the object fits in a URL');
  return toResult(sum(rows.pages) === rows.totalSize, `${sum(rows.pages)} of ${rows.totalSize} rows, on ${rows.pages.length} pages`);
}

/** Pads the query with spaces, which mean nothing and take three bytes each. */
async function checkLongUrl(org: ProbeOrg): Promise<ProbeResult> {
  const soql = (blanks: number): string => `SELECT Id FROM${' '.repeat(blanks)} ${org.objectName} LIMIT 1`;
  const blanks = Math.floor((MAX_URI_BYTES - queryPath(org.client, soql(0))!.length) / 3);
  const path = queryPath(org.client, soql(blanks))!;
  const page = await readRestPage(org.client, path, ['Id'], org.signal);
  return toResult(page.rows.length === 1, `${path.length} bytes`);
}

/** The client's `fetch` may return a 304 or throw it. */
async function checkNotModified(org: ProbeOrg, validator: string, condition: string): Promise<ProbeResult> {
  const path = `/services/data/v${org.client.version}/sobjects/${org.objectName}/describe`;
  const describe = async (headers: Record<string, string>) => {
    const response = await org.client.fetch('describe again', path, org.signal, { accept: 'application/json', ...headers });
    await response.body.dump();
    return response;
  };
  const value = [(await describe({})).headers[validator]].flat()[0];
  if (!value) return toResult(false, `the describe response has no ${validator}`);
  const again = await describe({ [condition]: value }).then(
    ({ statusCode }) => String(statusCode),
    (error) => refusalCode(error) ?? 'no response',
  );
  return toResult(/304$/.test(again), again.replace('ERROR_HTTP_', ''));
}

async function checkRecordCount(org: ProbeOrg): Promise<ProbeResult> {
  const count = await estimateRecordCount(org.client, org.objectName);
  return toResult(count !== null, count === null ? 'no estimate' : `${count}; COUNT() returns ${org.count}`);
}
