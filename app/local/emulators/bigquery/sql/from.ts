import { invalidQuery } from '../rest/api-error.ts';
import { quoted } from '../storage/column-type.ts';
import { compileAs, compileExpression } from './expression.ts';
import { parseCondition, parseStatement } from './parse.ts';
import { emptyScope, type Range, rangeOfQuery, rangeOfTable, type Scope, type ScopeColumn, type StoredTable, sameName } from './scope.ts';
import type { From } from './tree.ts';
import { coerce, commonType, noSignatureError, type Value } from './value.ts';

/** DuckDB text of a FROM clause; adds its ranges to the scope. */
export function compileFrom(from: From, scope: Scope): string {
  if (from.kind === 'join') return compileJoin(from, scope);
  const id = scope.sources.uniqueName();
  const { sql, range } = compileRange(from, scope, id);
  addRange(scope, range, from.kind === 'table' ? from.path.place : from.place);
  return `${sql} AS ${id}`;
}

function addRange(scope: Scope, range: Range, place: { line: number; column: number }): void {
  if (range.alias !== undefined && scope.ranges.some((other) => sameName(other.alias, range.alias!))) {
    throw invalidQuery(`Duplicate table alias ${range.alias} in the same FROM clause`, place);
  }
  scope.ranges.push(range);
}

function compileRange(from: Exclude<From, { kind: 'join' }>, scope: Scope, id: string): { sql: string; range: Range } {
  if (from.kind === 'subquery') {
    // A subquery in FROM cannot see the other items of FROM.
    const compiled = scope.compileQuery(from.query, emptyScope(scope, scope.outer));
    return { sql: `(${compiled.sql})`, range: rangeOfQuery(compiled.columns, id, from.alias) };
  }
  if (from.kind === 'unnest') return compileUnnest(from, scope, id);
  const name = from.path.names.length === 1 ? from.path.names[0]! : undefined;
  const named = name === undefined ? undefined : scope.named.get(name.toLowerCase());
  const alias = from.alias ?? from.path.names.at(-1);
  if (named) return { sql: named.sql, range: rangeOfQuery(named.columns, id, alias) };
  const table = scope.sources.find(from.path);
  if ('metadata' in table) return { sql: table.sql, range: rangeOfQuery(table.columns, id, alias) };
  if (!('view' in table)) return { sql: visibleRows(table, scope), range: rangeOfTable(table, id, alias, scope.sources) };
  const statement = parseStatement(table.view);
  if (statement.kind !== 'query') throw invalidQuery('A view is a query', from.path.place);
  const compiled = scope.compileQuery(statement.query, emptyScope(scope));
  return { sql: `(${compiled.sql})`, range: rangeOfQuery(compiled.columns, id, alias) };
}

/** The table, or a subquery of the rows that its row access policies let the caller see. */
function visibleRows(table: StoredTable, scope: Scope): string {
  if (!table.filters) return table.sql;
  const id = scope.sources.uniqueName();
  const conditions = table.filters.map((filter) => compileFilter(filter, table, id, scope));
  return `(SELECT * FROM ${table.sql} AS ${id} WHERE ${conditions.join(' OR ') || 'false'})`;
}

/** DuckDB text of a row access policy's condition on a table. */
export function compileFilter(filter: string, table: StoredTable, id: string, scope: Pick<Scope, 'sources' | 'compileQuery'>): string {
  const inside = { ...emptyScope(scope), ranges: [rangeOfTable(table, id, undefined, scope.sources)] };
  return `(${compileAs(parseCondition(filter), { name: 'BOOL' }, inside, 'FILTER USING clause', { line: 1, column: 1 }).sql})`;
}

/** UNNEST of an array in the query or its parameters; array columns of another table in FROM are not supported. */
function compileUnnest(from: Extract<From, { kind: 'unnest' }>, scope: Scope, id: string): { sql: string; range: Range } {
  const list = compileExpression(from.value, emptyScope(scope, scope.outer));
  if (list.type.name !== 'ARRAY')
    throw invalidQuery(`Values referenced in UNNEST must be arrays. UNNEST contains expression of type ${list.type.name}`, from.place);
  const range = rangeOfQuery([{ name: from.alias, id: 'c0', type: list.type.element! }], id, undefined);
  return { sql: `(SELECT unnest(${list.sql}) AS c0)`, range };
}

function compileJoin(join: Extract<From, { kind: 'join' }>, scope: Scope): string {
  const left = compileFrom(join.left, scope);
  const before = scope.ranges.length;
  const right = compileFrom(join.right, scope);
  if (join.type === 'CROSS') return `${left} CROSS JOIN ${right}`;
  if (!join.using) {
    const on = compileAs(join.on!, { name: 'BOOL' }, scope, 'JOIN ON clause', join.place);
    return `${left} ${join.type} JOIN ${right} ON ${on.sql}`;
  }
  const conditions = join.using.map((name) => mergeColumn(name, join, scope, before));
  return `${left} ${join.type} JOIN ${right} ON ${conditions.join(' AND ')}`;
}

/** USING merges two columns into one: in an outer join, the one that is not NULL. */
function mergeColumn(name: string, join: Extract<From, { kind: 'join' }>, scope: Scope, before: number): string {
  const find = (ranges: Range[]) => ranges.flatMap((range) => range.columns).filter((column) => sameName(column.name, name));
  const merged = scope.merged.find((column) => sameName(column.name, name));
  const left = merged ? [merged] : find(scope.ranges.slice(0, before));
  const right = find(scope.ranges.slice(before));
  for (const [side, found] of Object.entries({ left, right })) {
    if (found.length !== 1)
      throw invalidQuery(
        `Column ${name} in USING clause ${found.length ? 'is ambiguous' : 'not found'} on ${side} side of join`,
        join.place,
      );
  }
  const [one, other] = [used(left[0]!), used(right[0]!)];
  const type = commonType([one, other]);
  if (!type) throw noSignatureError('operator =', [one, other], join.place);
  const [a, b] = [coerce(one, type)!.sql, coerce(other, type)!.sql];
  const sql = join.type === 'FULL' ? `coalesce(${a}, ${b})` : join.type === 'RIGHT' ? b : a;
  const column: ScopeColumn = { name: left[0]!.name ?? quoted(name), value: { sql, type }, read() {} };
  scope.merged = [...scope.merged.filter((each) => each !== merged), column];
  return `${a} = ${b}`;
}

function used(column: ScopeColumn): Value {
  column.read();
  return column.value;
}
