// INSERT, UPDATE, DELETE, TRUNCATE.
import { invalidQuery } from '../rest/api-error.ts';
import { type ColumnType, quoted, scalar, storedAs, typeText } from '../storage/column-type.ts';
import { requireAllRows } from '../storage/row-access.ts';
import { compileAs, compileExpression } from './expression.ts';
import { compileFrom } from './from.ts';
import { compileQuery, statementScope } from './query.ts';
import { rangeOfTable, type Scope, type Sources, type StoredTable, sameName } from './scope.ts';
import type { Assignment, Expression, Place, Statement, TablePath } from './tree.ts';
import { coerce, type Value } from './value.ts';

export interface DmlPlan {
  kind: 'dml';
  statementType: 'INSERT' | 'UPDATE' | 'DELETE' | 'TRUNCATE_TABLE' | 'MERGE';
  target: StoredTable;
  /** DuckDB statement; a MERGE returns one row per changed row, with the action taken. */
  sql: string;
  /** A subquery to be stored under a name of its own, because the statement and `duplicates` both read it. */
  source: { name: string; sql: string } | undefined;
  /** A query that must return no rows; otherwise a target row has more than one source row. */
  duplicates: string | undefined;
  /** Google bills the whole target in addition to the columns read. */
  rewritesTarget: boolean;
}

type Of<Kind extends Statement['kind']> = Extract<Statement, { kind: Kind }>;

/** The table, which cannot be a view. */
export function findStored(path: TablePath, sources: Sources, what: string): StoredTable {
  const found = sources.find(path);
  if ('metadata' in found) throw invalidQuery(`INFORMATION_SCHEMA.${found.metadata} cannot be changed`, path.place);
  if ('view' in found)
    throw invalidQuery(`DML over table ${path.names.join('.')} is not supported: ${what} needs a table, this is a view`, path.place);
  return found;
}

/** The table whose rows a statement changes, all of which the caller must be allowed to see. */
export function findTarget(path: TablePath, sources: Sources, what: string): StoredTable {
  const found = findStored(path, sources, what);
  requireAllRows(found.key, found.filters);
  return found;
}

type Column = StoredTable['columns'][number];

/** The named target columns, or all of them. */
export function targetColumns(table: StoredTable, names: string[] | undefined, place: Place): Column[] {
  if (!names) return table.columns;
  const twice = names.find((name, index) => names.findIndex((other) => sameName(other, name)) < index);
  if (twice !== undefined) throw invalidQuery(`INSERT has columns with duplicate name: ${twice}`, place);
  return names.map((name) => columnNamed(table, name, place, `Column ${name} is not present in table ${table.key}`));
}

function columnNamed(table: StoredTable, name: string, place: Place, message: string): Column {
  const column = table.columns.find((each) => sameName(each.name, name));
  if (!column) throw invalidQuery(message, place);
  return column;
}

/** A value for a column, coerced to a type that can be assigned to it. */
export function assigned(given: Expression | 'default', column: Column, scope: Scope, place: Place): string {
  if (given === 'default') return `CAST(NULL AS ${storedAs(column.type)})`;
  return assignedValue(compileExpression(given, scope), column, place);
}

export function assignedValue(given: Value, column: { name: string; type: ColumnType }, place: Place): string {
  const coerced = coerce(given, column.type, place);
  if (coerced) return coerced.sql;
  throw invalidQuery(
    `Value of type ${typeText(given.type)} cannot be assigned to ${column.name}, which has type ${typeText(column.type)}`,
    place,
  );
}

export function planInsert(statement: Of<'insert'>, sources: Sources): DmlPlan {
  const target = findTarget(statement.path, sources, 'INSERT');
  const columns = targetColumns(target, statement.columns, statement.place);
  const rows = statement.query ? selectedRows(statement, columns, sources) : `VALUES ${valueRows(statement, columns, sources)}`;
  const sql = `INSERT INTO ${target.sql} (${columns.map((column) => quoted(column.name)).join(', ')}) ${rows}`;
  return { kind: 'dml', statementType: 'INSERT', target, sql, source: undefined, duplicates: undefined, rewritesTarget: false };
}

function selectedRows({ query, place }: Of<'insert'>, columns: Column[], sources: Sources): string {
  const compiled = compileQuery(query!, statementScope(sources));
  if (compiled.columns.length !== columns.length) throw wrongCountError(compiled.columns.length, columns.length, place);
  const values = columns.map((column, index) => {
    const { id, type } = compiled.columns[index]!;
    return assignedValue({ sql: id, type }, column, place);
  });
  return `SELECT ${values.join(', ')} FROM (${compiled.sql})`;
}

function valueRows({ rows, place }: Of<'insert'>, columns: Column[], sources: Sources): string {
  const scope = statementScope(sources);
  const texts = rows!.map((row) => {
    if (row.length !== columns.length) throw wrongCountError(row.length, columns.length, place);
    return `(${row.map((each, index) => assigned(each, columns[index]!, scope, place)).join(', ')})`;
  });
  return texts.join(', ');
}

export const wrongCountError = (found: number, expected: number, place: Place) =>
  invalidQuery(`Inserted row has wrong column count; Has ${found}, expected ${expected}`, place);

export function planUpdate(statement: Of<'update'>, sources: Sources): DmlPlan {
  const target = findTarget(statement.path, sources, 'UPDATE');
  const id = sources.uniqueName();
  const scope = statementScope(sources);
  // The items of FROM cannot see the target; SET and WHERE see both.
  const from = statement.from && compileFrom(statement.from, scope);
  const range = rangeOfTable(target, id, nameOf(statement), sources);
  if (scope.ranges.some((each) => sameName(each.alias, range.alias!)))
    throw invalidQuery(`Duplicate table alias ${range.alias} in the UPDATE statement`, statement.path.place);
  const both = { ...scope, ranges: [range, ...scope.ranges] };
  const where = compileAs(statement.where, scalar('BOOL'), both, 'WHERE clause', statement.path.place).sql;
  const set = assignments(statement.set, target, both, nameOf(statement));
  const sql = `UPDATE ${target.sql} AS ${id} SET ${set}${from ? ` FROM ${from}` : ''} WHERE ${where}`;
  const duplicates = from && duplicateMatches(target, id, `, ${from}`, where);
  return { kind: 'dml', statementType: 'UPDATE', target, sql, source: undefined, duplicates, rewritesTarget: true };
}

/** A query that finds a target row with more than one source row: DuckDB picks one of them, BigQuery fails. */
export const duplicateMatches = (target: StoredTable, id: string, joined: string, where: string) =>
  `SELECT 1 FROM ${target.sql} AS ${id}${joined} WHERE ${where} GROUP BY ${id}.rowid HAVING count(*) > 1 LIMIT 1`;

export function planDelete(statement: Of<'delete'>, sources: Sources): DmlPlan {
  const target = findTarget(statement.path, sources, 'DELETE');
  const id = sources.uniqueName();
  const scope = { ...statementScope(sources), ranges: [rangeOfTable(target, id, nameOf(statement), sources)] };
  const where = compileAs(statement.where, scalar('BOOL'), scope, 'WHERE clause', statement.path.place).sql;
  const sql = `DELETE FROM ${target.sql} AS ${id} WHERE ${where}`;
  return { kind: 'dml', statementType: 'DELETE', target, sql, source: undefined, duplicates: undefined, rewritesTarget: true };
}

/** The name by which the statement refers to its table. */
export const nameOf = ({ path, alias }: { path: TablePath; alias: string | undefined }) => alias ?? path.names.at(-1)!;

/** `"column" = value, …`, each column once. */
export function assignments(set: Assignment[], target: StoredTable, scope: Scope, targetName: string): string {
  const seen = new Set<string>();
  const updates = scope.sources.updates.get(target.key) ?? new Set<string>();
  scope.sources.updates.set(target.key, updates);
  const texts = set.map(({ qualifier, column: name, value, place }) => {
    if (qualifier !== undefined && !sameName(targetName, qualifier)) throw invalidQuery(`Unrecognized name: ${qualifier}`, place);
    if (qualifier === undefined && sameName(targetName, name))
      throw invalidQuery('UPDATE ... SET does not support updating the entire row', place);
    const column = columnNamed(target, name, place, `Unrecognized name: ${name}`);
    if (seen.has(column.name)) throw invalidQuery(`Update item ${column.name} assigned more than once`, place);
    seen.add(column.name);
    updates.add(column.name);
    return `${quoted(column.name)} = ${assigned(value, column, scope, place)}`;
  });
  return texts.join(', ');
}

export function planTruncate(statement: Of<'truncate'>, sources: Sources): DmlPlan {
  const target = findTarget(statement.path, sources, 'TRUNCATE');
  return {
    kind: 'dml',
    statementType: 'TRUNCATE_TABLE',
    target,
    sql: `DELETE FROM ${target.sql}`,
    source: undefined,
    duplicates: undefined,
    rewritesTarget: false,
  };
}
