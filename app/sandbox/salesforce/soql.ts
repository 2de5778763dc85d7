import { parseQuery } from '@jetstreamapp/soql-parser-js';
import type { Org } from './org.ts';
import { SalesforceError } from './salesforce-error.ts';
import { type Column, columnOf } from './soql-column.ts';
import { malformedQuery, placeOf, soqlError } from './soql-error.ts';
import { filterOf } from './soql-filter.ts';
import type { Row, Table } from './table.ts';

type Parsed = ReturnType<typeof parseQuery>;

/** A query that is understood: it may be evaluated any number of times. */
export interface SoqlQuery {
  soql: string;
  table: Table;
  /** Empty for COUNT(). */
  columns: Column[];
  counts: boolean;
  matches: (row: Row) => boolean;
  order: { column: Column; descending: boolean; nullsFirst: boolean }[];
  limit: number | undefined;
  offset: number | undefined;
  /** Parts that Bulk refuses. */
  hasAggregate: boolean;
  /** A child subquery or TYPEOF. */
  hasSubquery: boolean;
}

/** Reads a query against the org. Throws Salesforce's own refusals. */
export function readSoql(org: Org, soql: string): SoqlQuery {
  const parsed = parse(soql);
  const table = tableOf(org, soql, parsed.sObject ?? '');
  const fields = parsed.fields ?? [];
  const functions = fields.filter((field) => field.type === 'FieldFunctionExpression');
  const hasSubquery = fields.some((field) => field.type === 'FieldSubquery' || field.type === 'FieldTypeof');
  const counts = fields.length === 1 && functions[0]?.functionName.toUpperCase() === 'COUNT' && functions[0].parameters.length === 0;
  return {
    soql,
    table,
    columns: counts ? [] : columnsOf(org, table, soql, fields.filter(isPath)),
    counts,
    matches: parsed.where ? filterOf(org, table, soql, parsed.where) : () => true,
    order: orderOf(org, table, soql, parsed),
    limit: parsed.limit,
    offset: parsed.offset,
    hasAggregate: functions.length > 0 || parsed.groupBy !== undefined,
    hasSubquery,
  };
}

/** REST answers these in a real org; the sandbox does not know them. */
export function refuseUnknownParts(query: SoqlQuery): void {
  if ((query.hasAggregate && !query.counts) || query.hasSubquery) {
    throw new SalesforceError(
      400,
      'MALFORMED_QUERY',
      'The sandbox knows COUNT(), but no other functions, no GROUP BY, no subqueries and no TYPEOF.',
    );
  }
}

function parse(soql: string): Parsed {
  try {
    return parseQuery(soql);
  } catch (error) {
    throw malformedQuery(Error.isError(error) ? error.message : '', soql);
  }
}

function tableOf(org: Org, soql: string, object: string): Table {
  const table = org.table(object);
  if (!table) {
    throw soqlError(
      'INVALID_TYPE',
      soql,
      placeOf(soql, object),
      `sObject type '${object}' is not supported. If you are attempting to use a custom object, be sure to append the '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names.`,
    );
  }
  if (!table.definition.queryable) {
    throw new SalesforceError(400, 'INVALID_TYPE_FOR_OPERATION', `entity type ${table.definition.name} does not support query`);
  }
  return table;
}

function columnsOf(org: Org, table: Table, soql: string, selected: SelectedPath[]): Column[] {
  const columns = selected.map((field) => columnOf(org, table, soql, pathOf(field)));
  const paths = columns.map((column) => column.names.join('.'));
  const twice = paths.find((path, index) => paths.indexOf(path) !== index);
  if (twice !== undefined) throw new SalesforceError(400, 'INVALID_FIELD', `duplicate field selected: ${twice}`);
  return columns;
}

type SelectedField = NonNullable<Parsed['fields']>[number];
type SelectedPath = Extract<SelectedField, { type: 'Field' | 'FieldRelationship' }>;

function isPath(selected: SelectedField): selected is SelectedPath {
  return selected.type === 'Field' || selected.type === 'FieldRelationship';
}

function pathOf(selected: SelectedPath): string {
  return selected.type === 'Field' ? selected.field : [...selected.relationships, selected.field].join('.');
}

function orderOf(org: Org, table: Table, soql: string, parsed: Parsed): SoqlQuery['order'] {
  const clauses = parsed.orderBy === undefined ? [] : [parsed.orderBy].flat();
  return clauses.map((clause) => {
    if (!('field' in clause)) throw new SalesforceError(400, 'MALFORMED_QUERY', 'The sandbox orders by fields only.');
    const column = columnOf(org, table, soql, clause.field);
    if (!column.facts.sortable) {
      throw soqlError(
        'MALFORMED_QUERY',
        soql,
        soql.lastIndexOf(column.path),
        `field '${column.facts.name}' can not be sorted in a query call`,
      );
    }
    return { column, descending: clause.order === 'DESC', nullsFirst: clause.nulls !== 'LAST' };
  });
}
