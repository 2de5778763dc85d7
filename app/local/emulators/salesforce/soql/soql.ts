import { parseQuery } from '@jetstreamapp/soql-parser-js';
import type { Row, Table } from '../org/table.ts';
import type { Tables } from '../org/tables.ts';
import { SalesforceError } from '../rest/salesforce-error.ts';
import { type Aggregate, aggregateOf } from './aggregate.ts';
import { type Column, columnOf } from './column.ts';
import { malformedQueryError, positionOf, soqlError } from './error.ts';
import { compileFilter, requireFilterById } from './filter.ts';

type Parsed = ReturnType<typeof parseQuery>;

/** A parsed query, which can be evaluated any number of times. */
export interface SoqlQuery {
  soql: string;
  table: Table;
  /** Empty for COUNT(). */
  columns: Column[];
  counts: boolean;
  /** Aggregate functions over all rows, such as MIN(CreatedDate). */
  aggregates: Aggregate[];
  matches: (row: Row) => boolean;
  order: { column: Column; descending: boolean; nullsFirst: boolean }[];
  limit: number | undefined;
  offset: number | undefined;
  /** Whether the query has parts that Bulk rejects. */
  hasAggregate: boolean;
  /** A child subquery. */
  hasSubquery: boolean;
}

/** Parses a query against the live org or a frozen snapshot. Throws Salesforce's own errors. */
export function parseSoql(tables: Tables, soql: string): SoqlQuery {
  const parsed = parse(soql);
  const table = tableOf(tables, soql, parsed.sObject ?? '');
  const fields = parsed.fields ?? [];
  const functions = fields.filter((field) => field.type === 'FieldFunctionExpression');
  refuseUnknownFields(fields);
  requireFilterById(table, parsed.where);
  const hasSubquery = fields.some((field) => field.type === 'FieldSubquery');
  const counts = fields.length === 1 && functions[0]?.functionName.toUpperCase() === 'COUNT' && functions[0].parameters.length === 0;
  return {
    soql,
    table,
    columns: counts ? [] : columnsOf(tables, table, soql, fields.filter(isPath)),
    counts,
    aggregates: counts ? [] : functions.map((found, index) => aggregate(tables, table, soql, found, index)),
    matches: parsed.where ? compileFilter(tables, table, soql, parsed.where) : () => true,
    order: orderOf(tables, table, soql, parsed),
    limit: parsed.limit,
    offset: parsed.offset,
    hasAggregate: functions.length > 0 || parsed.groupBy !== undefined,
    hasSubquery,
  };
}

/** How many calculated fields a query selects. */
export function countCalculated({ columns }: SoqlQuery): number {
  return columns.filter(({ facts }) => facts.calculated).length;
}

/** A real org supports these in REST; the emulator does not. */
export function rejectUnsupported(query: SoqlQuery): void {
  if (query.hasSubquery) throw new SalesforceError(400, 'MALFORMED_QUERY', 'The emulator does not support subqueries in the field list.');
  if (query.hasAggregate && (query.columns.length > 0 || (!query.counts && query.aggregates.length === 0))) {
    throw new SalesforceError(
      400,
      'MALFORMED_QUERY',
      'The emulator supports aggregates over all rows, but not GROUP BY or fields next to them.',
    );
  }
}

function refuseUnknownFields(fields: SelectedField[]): void {
  for (const field of fields) {
    if (field.type === 'FieldTypeof') throw new SalesforceError(400, 'MALFORMED_QUERY', 'TYPEOF is not supported by the emulator.');
    if (field.type === 'FieldFunctionExpression' && field.functionName.toUpperCase() === 'FIELDS') {
      throw new SalesforceError(
        400,
        'MALFORMED_QUERY',
        'The SOQL FIELDS function is not supported by the emulator. List the fields instead.',
      );
    }
  }
}

function aggregate(tables: Tables, table: Table, soql: string, found: SelectedFunction, index: number): Aggregate {
  const [path] = found.parameters;
  if (typeof path !== 'string')
    throw new SalesforceError(400, 'MALFORMED_QUERY', `The emulator does not support ${found.functionName} here.`);
  return aggregateOf(found.functionName, columnOf(tables, table, soql, path), found.alias ?? `expr${index}`);
}

function parse(soql: string): Parsed {
  try {
    return parseQuery(soql);
  } catch (error) {
    throw malformedQueryError(Error.isError(error) ? error.message : '', soql);
  }
}

function tableOf(tables: Tables, soql: string, object: string): Table {
  const table = tables.table(object);
  if (!table) {
    throw soqlError(
      'INVALID_TYPE',
      soql,
      positionOf(soql, object),
      `sObject type '${object}' is not supported. If you are attempting to use a custom object, be sure to append the '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names.`,
    );
  }
  if (!table.definition.queryable) {
    throw new SalesforceError(400, 'INVALID_TYPE_FOR_OPERATION', `entity type ${table.definition.name} does not support query`);
  }
  return table;
}

function columnsOf(tables: Tables, table: Table, soql: string, selected: SelectedPath[]): Column[] {
  const columns = selected.map((field) => columnOf(tables, table, soql, pathOf(field)));
  const paths = columns.map((column) => column.names.join('.'));
  const twice = paths.find((path, index) => paths.indexOf(path) !== index);
  if (twice !== undefined) throw new SalesforceError(400, 'INVALID_FIELD', `duplicate field selected: ${twice}`);
  return columns;
}

type SelectedField = NonNullable<Parsed['fields']>[number];
type SelectedFunction = Extract<SelectedField, { type: 'FieldFunctionExpression' }>;
type SelectedPath = Extract<SelectedField, { type: 'Field' | 'FieldRelationship' }>;

function isPath(selected: SelectedField): selected is SelectedPath {
  return selected.type === 'Field' || selected.type === 'FieldRelationship';
}

function pathOf(selected: SelectedPath): string {
  return selected.type === 'Field' ? selected.field : [...selected.relationships, selected.field].join('.');
}

function orderOf(tables: Tables, table: Table, soql: string, parsed: Parsed): SoqlQuery['order'] {
  const clauses = parsed.orderBy === undefined ? [] : [parsed.orderBy].flat();
  return clauses.map((clause) => {
    if (!('field' in clause)) throw new SalesforceError(400, 'MALFORMED_QUERY', 'The emulator supports only fields in ORDER BY.');
    const column = columnOf(tables, table, soql, clause.field);
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
