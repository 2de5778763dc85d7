import type { Cursor } from './cursor.ts';
import { isQueryStart, parseExpression, parseOrderBy } from './parse-expression.ts';
import type { Body, Expression, From, Query, Select, SelectItem, TablePath } from './tree.ts';

/** Parses `[WITH …] SELECT … [ORDER BY …] [LIMIT …]`. */
export function parseQuery(cursor: Cursor): Query {
  const named = cursor.take('WITH') ? parseWith(cursor) : [];
  const body = parseBody(cursor);
  const orderBy = parseOrderBy(cursor);
  const limit = cursor.take('LIMIT') ? parseExpression(cursor) : undefined;
  const offset = limit && cursor.take('OFFSET') ? parseExpression(cursor) : undefined;
  return { with: named, body, orderBy, limit, offset };
}

function parseWith(cursor: Cursor): Query['with'] {
  if (cursor.isAt('RECURSIVE')) throw cursor.unsupported('WITH RECURSIVE');
  return cursor.list(() => {
    const { place } = cursor;
    const name = cursor.identifier('name');
    cursor.expect('AS');
    return { name, query: cursor.parenthesized(() => parseQuery(cursor)), place };
  });
}

/** GoogleSQL requires parentheses between different set operators; the same operator can be chained. */
function parseBody(cursor: Cursor): Body {
  let left = parseBodyPart(cursor);
  let first: string | undefined;
  for (;;) {
    const { place } = cursor;
    const operator = takeSetOperator(cursor);
    if (!operator) return left;
    first ??= operator;
    if (operator !== first)
      throw cursor.unexpected('Different set operations cannot be used in the same query without parentheses: unexpected');
    left = { kind: 'set', operator, left, right: parseBodyPart(cursor), place };
  }
}

function takeSetOperator(cursor: Cursor): string | undefined {
  if (cursor.take('UNION')) {
    if (cursor.take('ALL')) return 'UNION ALL';
    cursor.expect('DISTINCT');
    return 'UNION';
  }
  for (const word of ['INTERSECT', 'EXCEPT']) if (cursor.take(word, 'DISTINCT')) return word;
  return undefined;
}

function parseBodyPart(cursor: Cursor): Body {
  if (cursor.isAt('(')) return { kind: 'query', query: cursor.parenthesized(() => parseQuery(cursor)) };
  return parseSelect(cursor);
}

function parseSelect(cursor: Cursor): Select {
  const { place } = cursor;
  cursor.expect('SELECT');
  const distinct = cursor.take('DISTINCT');
  if (!distinct) cursor.take('ALL');
  if (cursor.isAt('AS')) throw cursor.unsupported('SELECT AS STRUCT and SELECT AS VALUE');
  const items = parseItems(cursor);
  const from = cursor.take('FROM') ? parseFrom(cursor) : undefined;
  const where = cursor.take('WHERE') ? parseExpression(cursor) : undefined;
  const groupBy = cursor.take('GROUP', 'BY') ? parseGroupBy(cursor) : undefined;
  const having = cursor.take('HAVING') ? parseExpression(cursor) : undefined;
  const qualify = cursor.take('QUALIFY') ? parseExpression(cursor) : undefined;
  if (cursor.isAt('WINDOW')) throw cursor.unsupported('named windows');
  return { kind: 'select', distinct, items, from, where, groupBy, having, qualify, place };
}

/** The list may have a trailing comma. */
function parseItems(cursor: Cursor): SelectItem[] {
  const items = [parseItem(cursor)];
  while (cursor.take(',')) {
    if (cursor.isAt('FROM')) break;
    items.push(parseItem(cursor));
  }
  return items;
}

function parseItem(cursor: Cursor): SelectItem {
  if (cursor.isAt('*')) return parseStar(cursor, undefined);
  if (cursor.isIdentifier() && cursor.peek(1).text === '.' && cursor.peek(2).kind === 'sign' && cursor.peek(2).text === '*') {
    const qualifier = cursor.next().text;
    cursor.next();
    return parseStar(cursor, qualifier);
  }
  const value = parseExpression(cursor);
  return { kind: 'value', value, alias: cursor.alias() };
}

function parseStar(cursor: Cursor, qualifier: string | undefined): SelectItem {
  const { place } = cursor;
  cursor.expect('*');
  const except = cursor.take('EXCEPT') ? cursor.parenthesized(() => cursor.list(() => cursor.identifier('column name'))) : [];
  const replacement = () => {
    const value = parseExpression(cursor);
    cursor.take('AS');
    return { name: cursor.identifier('column name'), value };
  };
  const replace = cursor.take('REPLACE') ? cursor.parenthesized(() => cursor.list(replacement)) : [];
  return { kind: 'star', qualifier, except, replace, place };
}

function parseGroupBy(cursor: Cursor): Expression[] {
  for (const word of ['ROLLUP', 'CUBE', 'GROUPING', 'ALL']) if (cursor.isAt(word)) throw cursor.unsupported(`GROUP BY ${word}`);
  return cursor.list(() => parseExpression(cursor));
}

/** What follows FROM: tables, subqueries and their joins. */
export function parseFrom(cursor: Cursor): From {
  let left = parseFromItem(cursor);
  for (;;) {
    const { place } = cursor;
    const type = takeJoin(cursor);
    if (!type) return left;
    const right = parseFromItem(cursor);
    const on = cursor.take('ON') ? parseExpression(cursor) : undefined;
    const using = !on && cursor.take('USING') ? cursor.parenthesized(() => cursor.list(() => cursor.identifier())) : undefined;
    if (type === 'CROSS' ? on || using : !on && !using)
      throw cursor.unexpected(type === 'CROSS' ? 'Unexpected join condition' : 'Expected ON or USING');
    left = { kind: 'join', type, left, right, on, using, place };
  }
}

function takeJoin(cursor: Cursor): string | undefined {
  if (cursor.take(',') || cursor.take('CROSS', 'JOIN')) return 'CROSS';
  if (cursor.take('JOIN') || cursor.take('INNER', 'JOIN')) return 'INNER';
  for (const side of ['LEFT', 'RIGHT', 'FULL']) if (cursor.take(side, 'JOIN') || cursor.take(side, 'OUTER', 'JOIN')) return side;
  return undefined;
}

/** One table or subquery with its alias. */
export function parseFromItem(cursor: Cursor): From {
  const { place } = cursor;
  if (cursor.isAt('(')) {
    const query = cursor.parenthesized(() => {
      if (!isQueryStart(cursor) && !cursor.isAt('(')) throw cursor.unsupported('joins in parentheses');
      return parseQuery(cursor);
    });
    return { kind: 'subquery', query, alias: cursor.alias(), place };
  }
  if (cursor.take('UNNEST')) {
    const value = cursor.parenthesized(() => parseExpression(cursor));
    return { kind: 'unnest', value, alias: cursor.alias(), place };
  }
  const path = parseTablePath(cursor);
  if (cursor.isAt('FOR')) throw cursor.unsupported('FOR SYSTEM_TIME AS OF');
  if (cursor.isAt('TABLESAMPLE')) throw cursor.unsupported('TABLESAMPLE');
  return { kind: 'table', path, alias: cursor.alias() };
}

/** `project.dataset.table` in one pair of backticks, in several, or without. */
export function parseTablePath(cursor: Cursor): TablePath {
  const { place } = cursor;
  const names = cursor.identifier('table name').split('.');
  while (cursor.take('.')) {
    // After a dot, keywords are names.
    if (cursor.token.kind !== 'word' && cursor.token.kind !== 'name') throw cursor.unexpected('Expected table name');
    names.push(...cursor.next().text.split('.'));
  }
  return { names, place };
}
