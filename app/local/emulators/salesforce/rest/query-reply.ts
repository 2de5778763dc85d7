import { type Snapshot, takeSnapshot } from '../org/snapshot.ts';
import type { Parts } from '../parts.ts';
import { aggregateRow } from '../soql/aggregate.ts';
import { fieldDefinitions } from '../soql/field-definition.ts';
import { countCalculated, parseSoql, rejectUnsupported, type SoqlQuery } from '../soql/soql.ts';
import type { OpenCursor } from './query-cursors.ts';
import { type JsonObject, queriedRecord } from './record-json.ts';
import { SalesforceError, TOO_COMPLICATED } from './salesforce-error.ts';

const MAX_PAGE_ROWS = 2000;
const MIN_PAGE_ROWS = 200;

export interface QueryRequest {
  soql: string | undefined;
  /** queryAll: includes deleted and archived rows. */
  deleted: boolean;
  version: string;
  pageRows: number;
}

/** Rows per page: Sforce-Query-Options is a hint that Salesforce follows between 200 and 2,000. */
export function requestedPageRows(queryOptions: string): number {
  const [, requested] = /batchSize=(\d+)/i.exec(queryOptions) ?? [];
  return Math.min(MAX_PAGE_ROWS, Math.max(MIN_PAGE_ROWS, Number(requested ?? MAX_PAGE_ROWS)));
}

/** Evaluates a REST query and returns its first page. Throws Salesforce's errors. */
export async function queryReply({ org, cursors, faults }: Parts, requested: QueryRequest): Promise<object> {
  if (!requested.soql) throw new SalesforceError(400, 'MALFORMED_QUERY', 'A query string has to be specified');
  const definitions = fieldDefinitions(org, requested.soql, requested.version);
  if (definitions) return definitions;
  const query = parseSoql(org.freeze(), requested.soql);
  rejectUnsupported(query);
  const place = { method: 'GET', url: requested.soql, object: query.table.definition.name };
  if (faults.take('too-complicated', { ...place, calculated: countCalculated(query) })) {
    throw new SalesforceError(400, 'QUERY_TOO_COMPLICATED', TOO_COMPLICATED);
  }
  const found = await takeSnapshot(query, { deleted: requested.deleted });
  const occasion = { ...place, rows: found.length };
  if (query.hasAggregate && faults.take('count-timeout', occasion)) throw queryTimeoutError();
  if (query.counts) return { totalSize: found.length, done: true, records: [] };
  if (query.hasAggregate) return aggregateReply(query, found);
  const id = found.length > requested.pageRows ? cursors.open({ query, found, pageRows: requested.pageRows }) : '';
  return pageReply({ query, found, pageRows: requested.pageRows, from: 0, id }, requested.version);
}

/** Returns the page that a locator names. */
export function nextPageReply({ cursors }: Parts, locator: string, version: string): object {
  return pageReply(cursors.at(locator), version);
}

/** The error of a query that ran for two minutes. */
export function queryTimeoutError(): SalesforceError {
  return new SalesforceError(400, 'QUERY_TIMEOUT', 'Your query request was running for too long.');
}

function pageReply({ query, found, pageRows, from, id }: OpenCursor, version: string): object {
  const to = Math.min(found.length, from + pageRows);
  const done = to >= found.length;
  const records = [...found.rows(from, to)].map((row) => queriedRecord(query, row, version));
  // The continuation of queryAll is also under /query/.
  const next = done ? {} : { nextRecordsUrl: `/services/data/v${version}/query/${id}-${to}` };
  return { totalSize: found.length, done, ...next, records };
}

function aggregateReply({ aggregates }: SoqlQuery, found: Snapshot): object {
  const row = aggregateRow(aggregates, found.rows());
  const record: JsonObject = { attributes: { type: 'AggregateResult' } };
  for (const { name } of aggregates) record[name] = withOffsetIfDatetime(row[name]);
  return { totalSize: 1, done: true, records: [record] };
}

function withOffsetIfDatetime(value: JsonObject[string] | undefined): JsonObject[string] {
  return typeof value === 'string' ? value.replace(/(T[\d:.]+)Z$/, '$1+0000') : (value ?? null);
}
