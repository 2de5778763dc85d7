// Plans a GoogleSQL statement. Every name and type is resolved, so a statement that BigQuery would reject is rejected,
// and so is one that the emulator does not support; it never guesses.
import { invalidQuery } from '../rest/api-error.ts';
import { type Field, fieldOf } from '../storage/column-type.ts';
import { type DmlPlan, findStored, planDelete, planInsert, planTruncate, planUpdate } from './dml.ts';
import { compileFilter } from './from.ts';
import { planMerge } from './merge.ts';
import { type OptionValues, optionValues, partitioning } from './options.ts';
import { parseStatement } from './parse.ts';
import { compileQuery, statementScope } from './query.ts';
import { type CompiledQuery, type OutputColumn, type Sources, sameName } from './scope.ts';
import type { Alteration, ColumnDefinition, CreateTable, Place, Statement, TablePath } from './tree.ts';

export type { DmlPlan } from './dml.ts';

export interface SelectPlan {
  kind: 'select';
  statementType: 'SELECT';
  sql: string;
  columns: OutputColumn[];
}

export interface CreatePlan {
  kind: 'create table';
  statementType: 'CREATE_TABLE' | 'CREATE_TABLE_AS_SELECT';
  path: TablePath;
  replace: boolean;
  ifNotExists: boolean;
  fields: Field[];
  /** Rows of the new table, its columns as c0, c1, … */
  query: string | undefined;
  resource: OptionValues;
}

export interface CreateViewPlan {
  kind: 'create view';
  statementType: 'CREATE_VIEW';
  path: TablePath;
  replace: boolean;
  ifNotExists: boolean;
  fields: Field[];
  query: string;
  resource: OptionValues;
}

export type AlterationPlan =
  | Exclude<Alteration, { kind: 'set options' | 'set column options' }>
  | { kind: 'set options'; resource: OptionValues }
  | { kind: 'describe'; name: string; description: string | undefined; place: Place };

export type Plan =
  | SelectPlan
  | DmlPlan
  | CreatePlan
  | CreateViewPlan
  | ({ statementType: 'CREATE_ROW_ACCESS_POLICY' } & Extract<Statement, { kind: 'create policy' }>)
  | ({ statementType: 'DROP_ROW_ACCESS_POLICY' } & Extract<Statement, { kind: 'drop policy' }>)
  | { kind: 'drop'; statementType: 'DROP_TABLE' | 'DROP_VIEW'; path: TablePath; ifExists: boolean }
  | { kind: 'alter table'; statementType: 'ALTER_TABLE'; path: TablePath; ifExists: boolean; alterations: AlterationPlan[] };

/** Plans a statement. Afterwards `sources.reads` contains the stored columns it reads. Throws invalidQuery, notFound. */
export function planStatement(text: string, sources: Sources): Plan {
  return plan(parseStatement(text), sources);
}

/** The columns of a view's query. */
export function columnsOfQuery(text: string, sources: Sources): Field[] {
  const found = planStatement(text, sources);
  if (found.kind !== 'select') throw invalidQuery('A view needs a query');
  return fieldsOf(found.columns);
}

/** REST fields of a result; unnamed columns become f0_, f1_, … */
export function fieldsOf(columns: OutputColumn[]): Field[] {
  let anonymous = 0;
  return columns.map((column) => fieldOf(column.name ?? `f${anonymous++}_`, column.type));
}

function plan(statement: Statement, sources: Sources): Plan {
  switch (statement.kind) {
    case 'query':
      return planSelect(compileQuery(statement.query, statementScope(sources)));
    case 'create table':
      return planCreate(statement, sources);
    case 'create view': {
      const { path, replace, ifNotExists, queryText } = statement;
      const { columns } = planSelect(compileQuery(statement.query, statementScope(sources)));
      const resource = optionValues(statement.options);
      if (resource.partitionExpirationMs !== undefined) throw invalidQuery('A view has no partitions', path.place);
      const named = { path, replace, ifNotExists, query: queryText, resource };
      return { kind: 'create view', statementType: 'CREATE_VIEW', fields: namedFields(columns, 'view'), ...named };
    }
    case 'create policy': {
      const table = findStored(statement.path, sources, 'a row access policy');
      compileFilter(statement.filter, table, sources.uniqueName(), statementScope({ ...sources, reads: new Map() }));
      return { ...statement, statementType: 'CREATE_ROW_ACCESS_POLICY' };
    }
    case 'drop policy':
      return { ...statement, statementType: 'DROP_ROW_ACCESS_POLICY' };
    case 'drop':
      return { kind: 'drop', statementType: `DROP_${statement.what}`, path: statement.path, ifExists: statement.ifExists };
    case 'alter table':
      return {
        kind: 'alter table',
        statementType: 'ALTER_TABLE',
        path: statement.path,
        ifExists: statement.ifExists,
        alterations: statement.alterations.map(planAlteration),
      };
    case 'insert':
      return planInsert(statement, sources);
    case 'update':
      return planUpdate(statement, sources);
    case 'delete':
      return planDelete(statement, sources);
    case 'truncate':
      return planTruncate(statement, sources);
    case 'merge':
      return planMerge(statement, sources);
  }
}

function planAlteration(alteration: Alteration): AlterationPlan {
  if (alteration.kind === 'set options') return { kind: alteration.kind, resource: optionValues(alteration.options) };
  if (alteration.kind !== 'set column options') return alteration;
  const { name, options, place } = alteration;
  if (options.length !== 1 || options[0]!.name !== 'description')
    throw invalidQuery('The local BigQuery supports no column option except description', place);
  return { kind: 'describe', name, description: optionValues(options).description ?? undefined, place };
}

function planSelect({ sql, columns }: CompiledQuery): SelectPlan {
  refuseDuplicates(fieldsOf(columns).map((field) => field.name));
  return { kind: 'select', statementType: 'SELECT', sql, columns };
}

function refuseDuplicates(names: string[]): void {
  const twice = names.filter((name, index) => names.findIndex((other) => sameName(other, name)) < index);
  if (twice.length === 0) return;
  throw invalidQuery(
    `Duplicate column names in the result are not supported when a destination table is present. Found duplicate(s): ${twice.join(', ')}`,
  );
}

function planCreate(statement: CreateTable, sources: Sources): CreatePlan {
  const { path, replace, ifNotExists } = statement;
  const query = statement.query && planSelect(compileQuery(statement.query, statementScope(sources)));
  const fields = statement.columns ? statement.columns.map(fieldOfDefinition) : query ? namedFields(query.columns, 'table') : [];
  refuseDuplicates(fields.map((field) => field.name));
  if (query && statement.columns)
    throw invalidQuery('The local BigQuery does not support CREATE TABLE with both columns and a query', path.place);
  const { partitionExpirationMs, ...options } = optionValues(statement.options);
  const { timePartitioning, ...clustering } = partitioning(statement.partitionBy, statement.clusterBy, fields);
  if (partitionExpirationMs && !timePartitioning)
    throw invalidQuery('Option partition_expiration_days needs a table that is partitioned', path.place);
  const kept = partitionExpirationMs ? { expirationMs: partitionExpirationMs } : {};
  const resource = {
    ...options,
    ...clustering,
    ...(timePartitioning ? { timePartitioning: { ...timePartitioning, ...kept } } : {}),
    ...(statement.primaryKey ? { tableConstraints: { primaryKey: { columns: statement.primaryKey } } } : {}),
  };
  const statementType = query ? 'CREATE_TABLE_AS_SELECT' : 'CREATE_TABLE';
  return { kind: 'create table', statementType, path, replace, ifNotExists, fields, query: query?.sql, resource };
}

function namedFields(columns: OutputColumn[], what: string): Field[] {
  const unnamed = columns.findIndex((column) => column.name === undefined);
  if (unnamed >= 0) throw invalidQuery(`CREATE ${what.toUpperCase()} columns must be named, but column ${unnamed + 1} has no name`);
  return fieldsOf(columns);
}

/** REST field of a column in CREATE TABLE or ALTER TABLE. */
export function fieldOfDefinition({ name, type, required, description }: ColumnDefinition): Field {
  const field = fieldOf(name, type);
  return { ...field, ...(required ? { mode: 'REQUIRED' } : {}), ...(description === undefined ? {} : { description }) };
}
