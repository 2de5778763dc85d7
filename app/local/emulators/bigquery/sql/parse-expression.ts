// Expressions, loosest binding first: OR, AND, NOT, comparisons, +, *, unary, access.
import { type ColumnType, type NamedType, type ScalarName, scalar, scalarName } from '../storage/column-type.ts';
import type { Cursor } from './cursor.ts';
import type { Call, Expression, OrderItem, Window } from './tree.ts';

/** Parses one expression. */
export function parseExpression(cursor: Cursor): Expression {
  let left = parseAnd(cursor);
  while (cursor.isAt('OR')) left = binary(cursor, left, parseAnd);
  return left;
}

function parseAnd(cursor: Cursor): Expression {
  let left = parseNot(cursor);
  while (cursor.isAt('AND')) left = binary(cursor, left, parseNot);
  return left;
}

function binary(cursor: Cursor, left: Expression, right: (cursor: Cursor) => Expression): Expression {
  const { place } = cursor;
  const operator = cursor.next().text.toUpperCase();
  return { kind: 'binary', operator, left, right: right(cursor), place };
}

function parseNot(cursor: Cursor): Expression {
  const { place } = cursor;
  if (cursor.take('NOT')) return { kind: 'unary', operator: 'NOT', value: parseNot(cursor), place };
  return parseComparison(cursor);
}

const COMPARISONS = ['=', '<', '<=', '>', '>=', '<>', '!='];

/** Comparisons do not chain in GoogleSQL: `a = b = c` is a syntax error, which the caller reports. */
function parseComparison(cursor: Cursor): Expression {
  const value = parseSum(cursor);
  const { place } = cursor;
  if (COMPARISONS.some((sign) => cursor.isAt(sign))) return binary(cursor, value, parseSum);
  if (cursor.take('IS')) return parseIs(cursor, value);
  const not = cursor.isAt('NOT') && ['IN', 'BETWEEN', 'LIKE'].includes(cursor.peek(1).text.toUpperCase()) && cursor.take('NOT');
  if (cursor.take('BETWEEN')) {
    const low = parseSum(cursor);
    cursor.expect('AND');
    return { kind: 'between', value, low, high: parseSum(cursor), not, place };
  }
  if (cursor.take('LIKE')) {
    const like: Expression = { kind: 'binary', operator: 'LIKE', left: value, right: parseSum(cursor), place };
    return not ? { kind: 'unary', operator: 'NOT', value: like, place } : like;
  }
  return cursor.take('IN') ? parseIn(cursor, value, not) : value;
}

function parseIs(cursor: Cursor, value: Expression): Expression {
  const { place } = cursor;
  const not = cursor.take('NOT');
  if (cursor.take('DISTINCT', 'FROM')) {
    return { kind: 'binary', operator: not ? 'IS NOT DISTINCT FROM' : 'IS DISTINCT FROM', left: value, right: parseSum(cursor), place };
  }
  for (const what of ['NULL', 'TRUE', 'FALSE'] as const) if (cursor.take(what)) return { kind: 'is', value, what, not, place };
  throw cursor.unexpected();
}

function parseIn(cursor: Cursor, value: Expression, not: boolean): Expression {
  const { place } = cursor;
  if (cursor.take('UNNEST')) return { kind: 'in', value, array: cursor.parenthesized(() => parseExpression(cursor)), not, place };
  return cursor.parenthesized((): Expression => {
    if (isQueryStart(cursor)) return { kind: 'in', value, query: cursor.subquery(), not, place };
    return { kind: 'in', value, list: cursor.list(() => parseExpression(cursor)), not, place };
  });
}

export const isQueryStart = (cursor: Cursor) => cursor.isAt('SELECT') || cursor.isAt('WITH');

function parseSum(cursor: Cursor): Expression {
  let left = parseProduct(cursor);
  while (cursor.isAt('+') || cursor.isAt('-')) left = binary(cursor, left, parseProduct);
  return left;
}

function parseProduct(cursor: Cursor): Expression {
  let left = parseUnary(cursor);
  while (cursor.isAt('*') || cursor.isAt('/') || cursor.isAt('||')) left = binary(cursor, left, parseUnary);
  return left;
}

function parseUnary(cursor: Cursor): Expression {
  const { place } = cursor;
  if (cursor.take('-')) return { kind: 'unary', operator: '-', value: parseUnary(cursor), place };
  if (cursor.take('+')) return { kind: 'unary', operator: '+', value: parseUnary(cursor), place };
  return parsePrimary(cursor);
}

const TYPED_LITERALS: ScalarName[] = ['DATE', 'DATETIME', 'TIME', 'TIMESTAMP', 'NUMERIC', 'BIGNUMERIC'];

function parsePrimary(cursor: Cursor): Expression {
  const { token, place } = cursor;
  const literal = (type: ScalarName, value: string, typed = false): Expression => ({ kind: 'literal', type, value, place, typed });
  if (token.kind === 'integer') return literal('INT64', cursor.next().text);
  if (token.kind === 'float') return literal('FLOAT64', cursor.next().text);
  if (token.kind === 'string') return literal('STRING', cursor.next().text);
  if (token.kind === 'parameter') return { kind: 'parameter', name: cursor.next().text, place };
  if (cursor.take('NULL')) return { kind: 'null' };
  if (cursor.isAt('TRUE') || cursor.isAt('FALSE')) return literal('BOOL', cursor.next().text.toLowerCase());
  if (cursor.isAt('(')) return parseParenthesized(cursor);
  if (cursor.isAt('CASE')) return parseCase(cursor);
  if (cursor.isAt('CAST') || cursor.isAt('SAFE_CAST')) return parseCast(cursor);
  if (cursor.isAt('EXTRACT')) return parseExtract(cursor);
  if (cursor.isAt('INTERVAL')) return parseInterval(cursor);
  if (cursor.take('EXISTS')) return cursor.parenthesized(() => ({ kind: 'subquery', query: cursor.subquery(), exists: true, place }));
  if (cursor.isAt('[') || cursor.isAt('ARRAY', '[')) return parseArray(cursor);
  if (cursor.isAt('STRUCT', '(')) return parseStruct(cursor);
  const typed = TYPED_LITERALS.find((name) => cursor.isAt(name) && cursor.peek(1).kind === 'string');
  if (typed) {
    cursor.next();
    return literal(typed, cursor.next().text, true);
  }
  const special = ['IF', 'LEFT', 'RIGHT'].some((word) => cursor.isAt(word, '('));
  if (special || cursor.isIdentifier()) return parsePathOrCall(cursor);
  throw cursor.unexpected();
}

function parseParenthesized(cursor: Cursor): Expression {
  const { place } = cursor;
  return cursor.parenthesized((): Expression => {
    if (isQueryStart(cursor)) return { kind: 'subquery', query: cursor.subquery(), exists: false, place };
    const value = parseExpression(cursor);
    if (cursor.isAt(',')) throw cursor.unsupported('rows in parentheses');
    return value;
  });
}

function parseCase(cursor: Cursor): Expression {
  const { place } = cursor;
  cursor.expect('CASE');
  const operand = cursor.isAt('WHEN') ? undefined : parseExpression(cursor);
  const branches: { when: Expression; result: Expression }[] = [];
  do {
    cursor.expect('WHEN');
    const when = parseExpression(cursor);
    cursor.expect('THEN');
    branches.push({ when, result: parseExpression(cursor) });
  } while (cursor.isAt('WHEN'));
  const otherwise: Expression = cursor.take('ELSE') ? parseExpression(cursor) : { kind: 'null' };
  cursor.expect('END');
  return { kind: 'case', operand, branches, otherwise, place };
}

function parseCast(cursor: Cursor): Expression {
  const { place } = cursor;
  const safe = cursor.next().text.toUpperCase() === 'SAFE_CAST';
  return cursor.parenthesized(() => {
    const value = parseExpression(cursor);
    cursor.expect('AS');
    const type = parseType(cursor);
    if (cursor.isAt('FORMAT')) throw cursor.unsupported('CAST … FORMAT');
    return { kind: 'cast', value, type, safe, place };
  });
}

/** A type as in CAST or a column definition. */
export function parseType(cursor: Cursor): ColumnType {
  if (cursor.take('ARRAY', '<')) {
    const element = parseType(cursor);
    cursor.expect('>');
    return { name: 'ARRAY', element };
  }
  if (cursor.take('STRUCT', '<')) {
    const fields = cursor.list((): NamedType => ({ name: cursor.identifier('field name'), type: parseType(cursor) }));
    cursor.expect('>');
    return { name: 'STRUCT', fields };
  }
  const name = cursor.token.kind === 'word' ? scalarName(cursor.token.text) : undefined;
  if (!name) throw cursor.unexpected('Expected a type that the local BigQuery supports');
  cursor.next();
  if (cursor.isAt('(')) throw cursor.unsupported('types with parameters');
  return scalar(name);
}

function parseExtract(cursor: Cursor): Expression {
  const { place } = cursor;
  cursor.next();
  return cursor.parenthesized(() => {
    const part = cursor.next().text.toUpperCase();
    cursor.expect('FROM');
    const value = parseExpression(cursor);
    if (cursor.isAt('AT')) throw cursor.unsupported('AT TIME ZONE');
    return { kind: 'extract', part, value, place };
  });
}

function parseInterval(cursor: Cursor): Expression {
  const { place } = cursor;
  cursor.next();
  const value = parseSum(cursor);
  return { kind: 'interval', value, part: cursor.identifier('date part').toUpperCase(), place };
}

function parseArray(cursor: Cursor): Expression {
  const { place } = cursor;
  cursor.take('ARRAY');
  cursor.expect('[');
  const items = cursor.isAt(']') ? [] : cursor.list(() => parseExpression(cursor));
  cursor.expect(']');
  return { kind: 'array', items, place };
}

function parseStruct(cursor: Cursor): Expression {
  const { place } = cursor;
  cursor.expect('STRUCT');
  const field = () => {
    const value = parseExpression(cursor);
    if (cursor.take('AS')) return { name: cursor.identifier('field name'), value };
    const name = value.kind === 'path' ? value.names.at(-1)! : undefined;
    if (name === undefined) throw cursor.unsupported('STRUCT fields without a name');
    return { name, value };
  };
  return { kind: 'struct', fields: cursor.parenthesized(() => cursor.list(field)), place };
}

function parsePathOrCall(cursor: Cursor): Expression {
  const { place } = cursor;
  const bare = cursor.token.kind === 'word';
  const names = [cursor.next().text];
  const safe = bare && names[0]!.toUpperCase() === 'SAFE' && cursor.isAt('.');
  while (cursor.isAt('.') && cursor.peek(1).text !== '*') {
    cursor.next();
    const token = cursor.next();
    if (token.kind !== 'word' && token.kind !== 'name') throw cursor.unexpected();
    names.push(token.text);
  }
  if (cursor.isAt('[')) throw cursor.unsupported('access to array elements');
  if (!cursor.isAt('(')) {
    // CURRENT_TIMESTAMP does not need parentheses.
    if (names.length === 1 && bare && /^CURRENT_(TIMESTAMP|DATE|DATETIME|TIME)$/i.test(names[0]!)) return emptyCall(names[0]!, place);
    return { kind: 'path', names, place };
  }
  if (names.length > (safe ? 2 : 1)) throw cursor.unsupported(`the function ${names.join('.')}`);
  return parseCall(cursor, { ...emptyCall(names.at(-1)!, place), safe });
}

const emptyCall = (name: string, place: Call['place']): Call => ({
  kind: 'call',
  name: name.toUpperCase(),
  safe: false,
  arguments: [],
  star: false,
  distinct: false,
  nulls: undefined,
  orderBy: [],
  limit: undefined,
  window: undefined,
  place,
});

function parseCall(cursor: Cursor, call: Call): Call {
  cursor.expect('(');
  if (cursor.take('*')) call.star = true;
  else if (!cursor.isAt(')')) {
    call.distinct = cursor.take('DISTINCT');
    call.arguments = cursor.list(() => parseArgument(cursor));
  }
  for (const word of ['IGNORE', 'RESPECT'] as const) if (cursor.take(word, 'NULLS')) call.nulls = word;
  call.orderBy = parseOrderBy(cursor);
  if (cursor.take('LIMIT')) call.limit = cursor.next().text;
  cursor.expect(')');
  if (cursor.take('OVER')) call.window = parseWindow(cursor);
  return call;
}

/** A date part such as DAY or WEEK(MONDAY) looks like a column; only the function can distinguish them. */
function parseArgument(cursor: Cursor): Expression {
  if (cursor.isAt('WEEK', '(')) {
    cursor.next();
    return { kind: 'part', name: `WEEK(${cursor.parenthesized(() => cursor.identifier()).toUpperCase()})` };
  }
  return parseExpression(cursor);
}

/** Parses an optional `ORDER BY …`. */
export function parseOrderBy(cursor: Cursor): OrderItem[] {
  if (!cursor.take('ORDER', 'BY')) return [];
  return cursor.list(() => {
    const value = parseExpression(cursor);
    const descending = cursor.take('DESC');
    if (!descending) cursor.take('ASC');
    const nullsFirst = cursor.take('NULLS', 'FIRST') ? true : cursor.take('NULLS', 'LAST') ? false : undefined;
    return { value, descending, nullsFirst };
  });
}

function parseWindow(cursor: Cursor): Window {
  if (!cursor.isAt('(')) throw cursor.unsupported('named windows');
  return cursor.parenthesized(() => {
    const partitionBy = cursor.take('PARTITION', 'BY') ? cursor.list(() => parseExpression(cursor)) : [];
    return { partitionBy, orderBy: parseOrderBy(cursor), frame: parseFrame(cursor) };
  });
}

function parseFrame(cursor: Cursor): string | undefined {
  const unit = cursor.take('ROWS') ? 'ROWS' : cursor.take('RANGE') ? 'RANGE' : undefined;
  if (!unit) return undefined;
  const bound = () => {
    if (cursor.take('CURRENT', 'ROW')) return 'CURRENT ROW';
    const distance = cursor.take('UNBOUNDED') ? 'UNBOUNDED' : cursor.token.kind === 'integer' ? cursor.next().text : undefined;
    const side = cursor.take('PRECEDING') ? 'PRECEDING' : cursor.take('FOLLOWING') ? 'FOLLOWING' : undefined;
    if (!distance || !side) throw cursor.unexpected();
    return `${distance} ${side}`;
  };
  if (!cursor.take('BETWEEN')) return `${unit} ${bound()}`;
  const start = bound();
  cursor.expect('AND');
  return `${unit} BETWEEN ${start} AND ${bound()}`;
}
