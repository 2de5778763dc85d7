import type { Router } from '@koa/router';
import type { Context } from 'koa';
import { withOffset } from './bulk-job-reply.ts';
import type { Value } from './field.ts';
import type { Parts } from './parts.ts';
import { QueryCursors } from './query-cursors.ts';
import { queryParameter, replyJson } from './reply.ts';
import { SalesforceError } from './salesforce-error.ts';
import { type Snapshot, takeSnapshot } from './snapshot.ts';
import { readSoql, refuseUnknownParts, type SoqlQuery } from './soql.ts';
import type { Column } from './soql-column.ts';
import type { Row } from './table.ts';

const LARGEST_PAGE = 2000;
const SMALLEST_PAGE = 200;
const LONGEST_ADDRESS = 16_384;

/** REST query and queryAll, by pages. */
export function queryRoutes(router: Router, { org }: Parts): void {
  const cursors = new QueryCursors();
  router.get('/services/data/:version/query', (context) => answer(context, false));
  router.get('/services/data/:version/queryAll', (context) => answer(context, true));
  router.get(['/services/data/:version/query/:locator', '/services/data/:version/queryAll/:locator'], (context) => {
    const { query, found, pageRows, id, from } = cursors.at(context.params.locator ?? '');
    replyPage(context, query, found, { from, pageRows, id });
  });

  async function answer(context: Context, deleted: boolean): Promise<void> {
    if (context.url.length > LONGEST_ADDRESS) throw new SalesforceError(414, 'URI_TOO_LONG', 'The request address is too long.');
    const soql = queryParameter(context, 'q');
    if (!soql) throw new SalesforceError(400, 'MALFORMED_QUERY', 'A query string has to be specified');
    const query = readSoql(org, soql);
    refuseUnknownParts(query);
    const found = await takeSnapshot(query, { deleted });
    if (query.counts) return replyJson(context, { totalSize: found.length, done: true, records: [] });
    const pageRows = pageRowsAsked(context);
    const id = found.length > pageRows ? cursors.open({ query, found, pageRows }) : '';
    replyPage(context, query, found, { from: 0, pageRows, id });
  }
}

/** A hint that Salesforce follows between 200 and 2,000. */
function pageRowsAsked(context: Context): number {
  const [, asked] = /batchSize=(\d+)/i.exec(context.get('Sforce-Query-Options')) ?? [];
  return Math.min(LARGEST_PAGE, Math.max(SMALLEST_PAGE, Number(asked ?? LARGEST_PAGE)));
}

function replyPage(context: Context, query: SoqlQuery, found: Snapshot, page: { from: number; pageRows: number; id: string }): void {
  const to = Math.min(found.length, page.from + page.pageRows);
  const done = to >= found.length;
  const records = [...found.rows(page.from, to)].map((row) => recordOf(query, row, context.state.version));
  // The continuation of queryAll is under /query/ as well.
  const next = done ? {} : { nextRecordsUrl: `/services/data/v${context.state.version}/query/${page.id}-${to}` };
  replyJson(context, { totalSize: found.length, done, ...next, records });
}

type Nested = { [name: string]: Value | Nested };

function recordOf(query: SoqlQuery, row: Row, version: string): Nested {
  const record: Nested = { attributes: attributes(query.table.definition.name, query.table.value(row, 'Id'), version) };
  for (const column of query.columns) place(record, column, row, version);
  return record;
}

function attributes(type: string, id: Value, version: string): Nested {
  return { type, url: `/services/data/v${version}/sobjects/${type}/${id}` };
}

/** Puts a column's value into the record, under its parents where it is a parent's field. */
function place(record: Nested, column: Column, row: Row, version: string): void {
  let nested = record;
  for (const [index, find] of column.parents.entries()) {
    const name = column.names[index] ?? '';
    const parent = find(row);
    nested[name] ??= parent && { attributes: attributes(parent.table.definition.name, parent.table.value(parent.row, 'Id'), version) };
    if (nested[name] === null) return;
    nested = nested[name] as Nested;
  }
  nested[column.facts.name] = column.facts.type === 'address' ? addressOf(column, row) : jsonValue(column, row);
}

function jsonValue(column: Column, row: Row): Value {
  const value = column.read(row);
  return column.facts.type === 'datetime' && typeof value === 'string' ? withOffset(value) : value;
}

function addressOf(column: Column, row: Row): Nested | null {
  const end = column.parents.at(-1)?.(row) ?? { table: column.table, row };
  const prefix = column.facts.name.replace(/Address$/, '');
  const parts = ['City', 'Country', 'GeocodeAccuracy', 'Latitude', 'Longitude', 'PostalCode', 'State', 'Street'];
  const address = parts.map((part) => [part[0]?.toLowerCase() + part.slice(1), end.table.value(end.row, prefix + part)]);
  return address.every(([, value]) => value === null) ? null : Object.fromEntries(address);
}
