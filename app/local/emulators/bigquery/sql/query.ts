import { invalidQuery } from '../rest/api-error.ts';
import { scalar, storedAs, typeText } from '../storage/column-type.ts';
import { orderText } from './aggregate.ts';
import { compileAs, compileExpression } from './expression.ts';
import { compileFrom } from './from.ts';
import { type CompiledQuery, emptyScope, type OutputColumn, type Scope, type Sources, sameName } from './scope.ts';
import type { Body, Expression, OrderItem, Place, Query, Select, SelectItem } from './tree.ts';
import { coerce, commonType, type Value } from './value.ts';

/** The outermost scope of a statement. */
export const statementScope = (sources: Sources): Scope => emptyScope({ sources, compileQuery });

/** Compiles a query in a scope, so it can refer to the scope's columns. */
export function compileQuery(query: Query, outer: Scope): CompiledQuery {
  const scope = { ...emptyScope(outer, outer), named: new Map(outer.named) };
  const definitions = query.with.map(({ name, query: inner, place }) => {
    if (query.with.filter((other) => sameName(other.name, name)).length > 1)
      throw invalidQuery(`Duplicate alias ${name} for WITH subquery`, place);
    const compiled = compileQuery(inner, scope);
    const id = scope.sources.uniqueName();
    scope.named.set(name.toLowerCase(), { sql: id, columns: compiled.columns });
    return `${id} AS (${compiled.sql})`;
  });
  const body = compileBody(query.body, scope, query.orderBy);
  const limit = query.limit ? ` LIMIT ${limitOf(query.limit, scope)}` : '';
  const offset = query.offset ? ` OFFSET ${limitOf(query.offset, scope)}` : '';
  const named = definitions.length > 0 ? `WITH ${definitions.join(', ')} ` : '';
  return { sql: `${named}${body.sql}${limit}${offset}`, columns: body.columns };
}

function limitOf(expression: Expression, scope: Scope): string {
  const { literal, sql } = compileExpression(expression, scope);
  if (literal === undefined || !/^\d+$/.test(literal)) throw invalidQuery('LIMIT and OFFSET need an integer literal or parameter');
  return sql;
}

function compileBody(body: Body, scope: Scope, orderBy: OrderItem[]): CompiledQuery {
  if (body.kind === 'select') return compileSelect(body, scope, orderBy);
  const compiled =
    body.kind === 'set'
      ? compileSet(body.operator, compileBody(body.left, scope, []), compileBody(body.right, scope, []), body.place)
      : compileQuery(body.query, scope);
  if (orderBy.length === 0) return body.kind === 'set' ? compiled : { ...compiled, sql: `SELECT * FROM (${compiled.sql})` };
  return orderOutput(compiled, scope, orderBy);
}

/** ORDER BY on the result of a set operation: only its columns can be named. */
function orderOutput(compiled: CompiledQuery, scope: Scope, orderBy: OrderItem[]): CompiledQuery {
  const id = scope.sources.uniqueName();
  const outputs = compiled.columns.map((column) => ({ name: column.name, value: { sql: `${id}.${column.id}`, type: column.type } }));
  const inner = {
    ...emptyScope(scope, scope),
    ranges: [{ alias: undefined, columns: outputs.map((output) => ({ ...output, read() {} })) }],
  };
  const order = orderText(orderBy, (key) => ordinal(key, outputs, 'ORDER BY') ?? compileExpression(key, inner));
  return { sql: `SELECT * FROM (${compiled.sql}) AS ${id} ${order}`, columns: compiled.columns };
}

function compileSet(operator: string, left: CompiledQuery, right: CompiledQuery, place: Place): CompiledQuery {
  if (left.columns.length !== right.columns.length) {
    throw invalidQuery(
      `Queries in ${operator} have mismatched column count; query 1 has ${left.columns.length} columns, query 2 has ${right.columns.length} columns`,
      place,
    );
  }
  const types = left.columns.map((column, index) => {
    const other = right.columns[index]!;
    const type = commonType([asValue(column), asValue(other)]);
    if (type) return type;
    throw invalidQuery(
      `Column ${index + 1} in ${operator} has incompatible types: ${typeText(column.type)}, ${typeText(other.type)}`,
      place,
    );
  });
  const side = (query: CompiledQuery) => {
    const columns = query.columns.map((column, index) => `${coerce(asValue(column), types[index]!)!.sql} AS c${index}`);
    return `SELECT ${columns.join(', ')} FROM (${query.sql})`;
  };
  return {
    sql: `${side(left)} ${operator} ${side(right)}`,
    columns: left.columns.map((column, index) => ({ name: column.name, id: `c${index}`, type: types[index]! })),
  };
}

const asValue = (column: OutputColumn): Value => ({ sql: column.id, type: column.type });

interface Output {
  name: string | undefined;
  value: Value;
}

function compileSelect(select: Select, outer: Scope, orderBy: OrderItem[]): CompiledQuery {
  const scope = emptyScope(outer, outer);
  const from = select.from ? ` FROM ${compileFrom(select.from, scope)}` : '';
  const outputs = select.items.flatMap((item) => compileItem(item, scope));
  const named: Scope = { ...scope, aliases: aliasesOf(outputs) };
  const bool = (expression: Expression | undefined, clause: string, inside: Scope) =>
    expression ? ` ${clause} ${compileAs(expression, scalar('BOOL'), inside, `${clause} clause`, select.place).sql}` : '';
  const where = bool(select.where, 'WHERE', scope);
  const group = select.groupBy ? ` GROUP BY ${select.groupBy.map((each) => groupKey(each, named, outputs)).join(', ')}` : '';
  const having = bool(select.having, 'HAVING', named);
  const qualify = bool(select.qualify, 'QUALIFY', named);
  const compileKey = (key: Expression) => ordinal(key, outputs, 'ORDER BY') ?? compileExpression(key, { ...named, aliasesWin: true });
  const order = orderBy.length > 0 ? ` ${orderText(orderBy, compileKey)}` : '';
  const list = outputs.map((output, index) => `${asStored(output.value)} AS c${index}`).join(', ');
  return {
    sql: `SELECT ${select.distinct ? 'DISTINCT ' : ''}${list}${from}${where}${group}${having}${qualify}${order}`,
    columns: outputs.map((output, index) => ({ name: output.name, id: `c${index}`, type: output.value.type })),
  };
}

/** DuckDB would give a bare NULL any type; an empty array has none. */
function asStored({ sql, type }: Value): string {
  if (type.name === 'NULL') return 'CAST(NULL AS BIGINT)';
  return type.name === 'ARRAY' ? `CAST(${sql} AS ${storedAs(type)})` : sql;
}

function compileItem(item: SelectItem, scope: Scope): Output[] {
  if (item.kind === 'star') return star(item, scope);
  const compiled = compileExpression(item.value, scope);
  if (compiled.part || compiled.interval) throw invalidQuery('An interval or date part is no column');
  return [{ name: item.alias ?? impliedName(item.value), value: compiled }];
}

const impliedName = (expression: Expression) => (expression.kind === 'path' ? expression.names.at(-1) : undefined);

function star({ qualifier, except, replace, place }: Extract<SelectItem, { kind: 'star' }>, scope: Scope): Output[] {
  const range = scope.ranges.find((each) => qualifier !== undefined && sameName(each.alias, qualifier));
  if (qualifier !== undefined && !range) throw invalidQuery(`Unrecognized name: ${qualifier}`, place);
  if (scope.ranges.length === 0) throw invalidQuery('SELECT * must have a FROM clause', place);
  const isMerged = (name: string | undefined) =>
    scope.merged.some((column) => column.name !== undefined && name !== undefined && sameName(column.name, name));
  const all = range
    ? range.columns
    : [...scope.merged, ...scope.ranges.flatMap((each) => each.columns).filter((column) => !isMerged(column.name))];
  for (const name of [...except, ...replace.map((each) => each.name)]) {
    if (!all.some((column) => sameName(column.name, name)))
      throw invalidQuery(`Column ${name} in SELECT * EXCEPT or REPLACE list does not exist`, place);
  }
  const kept = all.filter((column) => !except.some((name) => sameName(column.name, name)));
  if (kept.length === 0) throw invalidQuery('SELECT * EXCEPT list leaves no columns', place);
  return kept.map((column) => {
    const replacement = replace.find((each) => sameName(column.name, each.name));
    if (replacement) return { name: column.name, value: compileExpression(replacement.value, scope) };
    column.read();
    return { name: column.name, value: column.value };
  });
}

function aliasesOf(outputs: Output[]): Map<string, Value> {
  return new Map(outputs.flatMap(({ name, value }) => (name === undefined ? [] : [[name.toLowerCase(), value] as const])));
}

function groupKey(expression: Expression, scope: Scope, outputs: Output[]): string {
  const { sql, type } = ordinal(expression, outputs, 'GROUP BY') ?? compileExpression(expression, scope);
  if (['ARRAY', 'STRUCT'].includes(type.name)) throw invalidQuery(`Grouping by expressions of type ${type.name} is not allowed`);
  return sql;
}

/** `ORDER BY 2` is the second column. */
function ordinal(expression: Expression, outputs: Output[], clause: string): Value | undefined {
  if (expression.kind !== 'literal' || expression.type !== 'INT64') return undefined;
  const output = outputs[Number(expression.value) - 1];
  if (!output)
    throw invalidQuery(
      `${clause} column number ${expression.value} is out of range: the SELECT list has ${outputs.length}`,
      expression.place,
    );
  return output.value;
}
