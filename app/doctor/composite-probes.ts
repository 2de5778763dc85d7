import { MAX_QUERIES, readFirstPages } from '../salesforce/composite.ts';
import { describePath } from '../salesforce/describe.ts';
import { readApiUsage } from '../salesforce/read-api-usage.ts';
import { type Probe, type ProbeResult, toResult } from './probe.ts';
import type { ProbeOrg } from './probe-org.ts';

const CALLS = 4;

const TOTAL_MS = 120_000;

/** The service's assumptions about composite calls, in which windows that are due together share a call. */
export const COMPOSITE_PROBES: readonly Probe<ProbeOrg>[] = [
  // REST, composite resources: "the entire series of requests counts as a single call toward your API limits".
  {
    assumption: 'A composite call with five queries counts as one API call',
    workaround: 'SALESFORCE_COMPOSITE=off',
    run: checkCountedOnce,
  },
  // REST, composite request body: If-Modified-Since is in an example.
  {
    assumption: 'An unchanged describe in a composite call returns 304 for its Last-Modified',
    consequence: 'Windows that share a call also transfer the whole description of each object.',
    run: checkDescribeUnchanged,
  },
];

/** The reported usage lags and includes other clients' calls, so several calls are compared with half of what they would cost. */
async function checkCountedOnce(org: ProbeOrg): Promise<ProbeResult> {
  const query = { objectName: org.objectName, soql: `SELECT Id FROM ${org.objectName} LIMIT 1`, columns: ['Id'] };
  const before = await usedCalls(org);
  for (let call = 0; call < CALLS; call++) {
    const replies = await readFirstPages(org.client, Array(MAX_QUERIES).fill(query), { signal: org.signal, totalMs: TOTAL_MS });
    const failed = replies.find(({ kind }) => kind !== 'page');
    if (failed && 'error' in failed) throw failed.error;
  }
  const counted = (await usedCalls(org)) - before - 1;
  return toResult(counted <= (CALLS * MAX_QUERIES) / 2, `${CALLS} calls with ${MAX_QUERIES} queries each counted as ${counted}`);
}

/** Calls that the org has used in the last 24 hours, including this one. */
async function usedCalls(org: ProbeOrg): Promise<number> {
  const path = `/services/data/v${org.client.version}/limits`;
  const { headers } = await org.client.get('read the API usage', path, { accept: 'application/json' }, org.signal);
  return readApiUsage(headers['sforce-limit-info'])?.used ?? Number.NaN;
}

async function checkDescribeUnchanged(org: ProbeOrg): Promise<ProbeResult> {
  const { objectName, client, signal } = org;
  const { headers } = await client.get(`describe ${objectName}`, describePath(client, objectName), { accept: 'application/json' }, signal);
  const lastModified = headers['last-modified'];
  if (!lastModified) return toResult(false, 'the describe response has no Last-Modified');
  const query = { objectName, soql: `SELECT Id FROM ${objectName} LIMIT 1`, columns: ['Id'], describedSince: lastModified };
  const [reply] = await readFirstPages(client, [query], { signal, totalMs: TOTAL_MS });
  if (reply!.kind !== 'page') throw reply!.error;
  const { described } = reply!;
  return toResult(described === 'unchanged', described === 'unchanged' ? '304' : described ? 'described again' : 'not described');
}
