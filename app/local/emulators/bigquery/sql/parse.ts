import { Cursor } from './cursor.ts';
import { parseExpression, parseType } from './parse-expression.ts';
import { parseFrom, parseFromItem, parseQuery, parseTablePath } from './parse-query.ts';
import type { Alteration, Assignment, ColumnDefinition, Expression, MergeAction, MergeClause, Option, Place, Statement } from './tree.ts';

/** Parses the text as a single statement. Throws an `invalidQuery` with the position. */
export function parseStatement(source: string): Statement {
  const cursor = new Cursor(source, parseQuery);
  const statement = parseByKeyword(cursor);
  while (cursor.take(';'));
  if (cursor.token.kind === 'end') return statement;
  throw cursor.peek(-1).text === ';' ? cursor.unsupported('scripts of several statements') : cursor.unexpected('Expected end of input');
}

function parseByKeyword(cursor: Cursor): Statement {
  if (cursor.isAt('SELECT') || cursor.isAt('WITH') || cursor.isAt('(')) return { kind: 'query', query: parseQuery(cursor) };
  if (cursor.take('CREATE')) return parseCreate(cursor);
  if (cursor.take('DROP')) return parseDrop(cursor);
  if (cursor.take('ALTER', 'TABLE')) return parseAlterTable(cursor);
  if (cursor.take('INSERT')) return parseInsert(cursor);
  if (cursor.take('UPDATE')) return parseUpdate(cursor);
  if (cursor.take('DELETE')) return parseDelete(cursor);
  if (cursor.take('TRUNCATE', 'TABLE')) return { kind: 'truncate', path: parseTablePath(cursor) };
  if (cursor.take('MERGE')) return parseMerge(cursor);
  throw cursor.token.kind === 'word'
    ? cursor.unsupported(`statements that start with ${cursor.token.text.toUpperCase()}`)
    : cursor.unexpected();
}

function parseCreate(cursor: Cursor): Statement {
  const replace = cursor.take('OR', 'REPLACE');
  if (cursor.take('ROW', 'ACCESS', 'POLICY')) return parseCreatePolicy(cursor, replace);
  const isView = cursor.take('VIEW');
  if (!isView && !cursor.take('TABLE')) throw cursor.unsupported(`CREATE ${cursor.token.text.toUpperCase()}`);
  const ifNotExists = cursor.take('IF', 'NOT', 'EXISTS');
  const path = parseTablePath(cursor);
  const { columns, primaryKey } = !isView && cursor.take('(') ? parseColumns(cursor) : {};
  const partitionBy = cursor.take('PARTITION', 'BY') ? parseExpression(cursor) : undefined;
  const clusterBy = cursor.take('CLUSTER', 'BY') ? cursor.list(() => cursor.identifier('column name')) : [];
  const options = parseOptions(cursor);
  if (isView) {
    cursor.expect('AS');
    const start = cursor.place;
    const query = parseQuery(cursor);
    return { kind: 'create view', path, replace, ifNotExists, options, query, queryText: textFrom(cursor.source, start) };
  }
  const query = cursor.take('AS') ? parseQuery(cursor) : undefined;
  return { kind: 'create table', path, replace, ifNotExists, columns, primaryKey, partitionBy, clusterBy, options, query };
}

function parseCreatePolicy(cursor: Cursor, replace: boolean): Statement {
  const ifNotExists = cursor.take('IF', 'NOT', 'EXISTS');
  const name = cursor.identifier('policy name');
  cursor.expect('ON');
  const path = parseTablePath(cursor);
  const grantees = cursor.take('GRANT', 'TO') ? cursor.parenthesized(() => cursor.list(() => parseGrantee(cursor))) : [];
  cursor.expect('FILTER', 'USING');
  const filter = cursor.parenthesized(() => {
    const start = cursor.place;
    parseExpression(cursor);
    return cursor.source.slice(offsetOf(cursor.source, start), offsetOf(cursor.source, cursor.place)).trim();
  });
  return { kind: 'create policy', name, path, replace, ifNotExists, grantees, filter };
}

function parseGrantee(cursor: Cursor): string {
  if (cursor.token.kind !== 'string') throw cursor.unexpected('Expected string literal');
  return cursor.next().text;
}

/** Parses the condition of a row access policy. */
export function parseCondition(source: string): Expression {
  return parseExpression(new Cursor(source, parseQuery));
}

const textFrom = (source: string, start: Place) => source.slice(offsetOf(source, start)).replace(/[\s;]+$/, '');

function offsetOf(source: string, { line, column }: Place): number {
  const before = source.split('\n').slice(0, line - 1);
  return before.reduce((sum, each) => sum + each.length + 1, column - 1);
}

function parseColumns(cursor: Cursor): { columns: ColumnDefinition[]; primaryKey: string[] | undefined } {
  const columns = [parseColumn(cursor)];
  let primaryKey: string[] | undefined;
  while (cursor.take(',') && !cursor.isAt(')')) {
    if (!cursor.isAt('PRIMARY', 'KEY')) columns.push(parseColumn(cursor));
    else if (primaryKey) throw cursor.unexpected('Expected one PRIMARY KEY');
    else primaryKey = parsePrimaryKey(cursor);
  }
  cursor.expect(')');
  return { columns, primaryKey };
}

function parsePrimaryKey(cursor: Cursor): string[] {
  cursor.expect('PRIMARY', 'KEY');
  const columns = parseColumnList(cursor);
  cursor.expect('NOT', 'ENFORCED');
  return columns;
}

function parseColumn(cursor: Cursor): ColumnDefinition {
  const name = cursor.identifier('column name');
  const type = parseType(cursor);
  const required = cursor.take('NOT', 'NULL');
  if (cursor.isAt('DEFAULT')) throw cursor.unsupported('column defaults');
  const description = parseOptions(cursor).find((option) => option.name === 'description')?.value;
  if (description && (description.kind !== 'literal' || description.type !== 'STRING'))
    throw cursor.unsupported('a description that is not a literal');
  return { name, type, required, description: description?.kind === 'literal' ? description.value : undefined };
}

function parseOptions(cursor: Cursor): Option[] {
  if (!cursor.take('OPTIONS')) return [];
  return cursor.parenthesized(() => {
    if (cursor.isAt(')')) return [];
    return cursor.list(() => {
      const { place } = cursor;
      const name = cursor.identifier('option name');
      cursor.expect('=');
      return { name, value: cursor.isAt('[', '(') ? parsePairs(cursor) : parseExpression(cursor), place };
    });
  });
}

/** `[('key', 'value'), …]`, the syntax of labels. */
function parsePairs(cursor: Cursor): Expression {
  const { place } = cursor;
  cursor.expect('[');
  const items = cursor.list((): Expression => {
    const pair = cursor.parenthesized(() => cursor.list(() => parseExpression(cursor)));
    return { kind: 'array', items: pair, place };
  });
  cursor.expect(']');
  return { kind: 'array', items, place };
}

function parseDrop(cursor: Cursor): Statement {
  const all = cursor.take('ALL', 'ROW', 'ACCESS', 'POLICIES');
  if (all || cursor.take('ROW', 'ACCESS', 'POLICY')) {
    const ifExists = !all && cursor.take('IF', 'EXISTS');
    const name = all ? undefined : cursor.identifier('policy name');
    cursor.expect('ON');
    return { kind: 'drop policy', name, path: parseTablePath(cursor), ifExists };
  }
  const what = cursor.take('TABLE') ? 'TABLE' : cursor.take('VIEW') ? 'VIEW' : undefined;
  if (!what) throw cursor.unsupported(`DROP ${cursor.token.text.toUpperCase()}`);
  const ifExists = cursor.take('IF', 'EXISTS');
  return { kind: 'drop', what, path: parseTablePath(cursor), ifExists };
}

function parseAlterTable(cursor: Cursor): Statement {
  const ifExists = cursor.take('IF', 'EXISTS');
  const path = parseTablePath(cursor);
  return { kind: 'alter table', path, ifExists, alterations: cursor.list(() => parseAlteration(cursor)) };
}

function parseAlteration(cursor: Cursor): Alteration {
  const { place } = cursor;
  if (cursor.take('ADD', 'COLUMN')) {
    const ifNotExists = cursor.take('IF', 'NOT', 'EXISTS');
    return { kind: 'add column', column: parseColumn(cursor), ifNotExists, place };
  }
  if (cursor.take('DROP', 'COLUMN')) {
    const ifExists = cursor.take('IF', 'EXISTS');
    return { kind: 'drop column', name: cursor.identifier('column name'), ifExists, place };
  }
  if (cursor.isAt('SET', 'OPTIONS')) {
    cursor.next();
    return { kind: 'set options', options: parseOptions(cursor) };
  }
  if (cursor.take('ALTER', 'COLUMN')) {
    const name = cursor.identifier('column name');
    if (cursor.take('SET', 'DATA', 'TYPE')) return { kind: 'set type', name, type: parseType(cursor), place };
    if (cursor.take('DROP', 'NOT', 'NULL')) return { kind: 'drop not null', name, place };
    if (cursor.isAt('SET', 'OPTIONS')) {
      cursor.next();
      return { kind: 'set column options', name, options: parseOptions(cursor), place };
    }
  }
  throw cursor.unsupported('this change of a table');
}

function parseInsert(cursor: Cursor): Statement {
  const { place } = cursor;
  cursor.take('INTO');
  const path = parseTablePath(cursor);
  const columns = cursor.isAt('(') ? parseColumnList(cursor) : undefined;
  if (!cursor.take('VALUES')) return { kind: 'insert', path, columns, query: parseQuery(cursor), place };
  const rows = cursor.list(() => cursor.parenthesized(() => cursor.list(() => parseValue(cursor))));
  return { kind: 'insert', path, columns, rows, place };
}

const parseColumnList = (cursor: Cursor) => cursor.parenthesized(() => cursor.list(() => cursor.identifier('column name')));

const parseValue = (cursor: Cursor): Expression | 'default' => (cursor.take('DEFAULT') ? 'default' : parseExpression(cursor));

function parseUpdate(cursor: Cursor): Statement {
  const path = parseTablePath(cursor);
  const alias = cursor.alias();
  cursor.expect('SET');
  const set = cursor.list(() => parseAssignment(cursor));
  const from = cursor.take('FROM') ? parseFrom(cursor) : undefined;
  cursor.expect('WHERE');
  return { kind: 'update', path, alias, set, from, where: parseExpression(cursor) };
}

function parseAssignment(cursor: Cursor): Assignment {
  const { place } = cursor;
  const first = cursor.identifier('column name');
  const second = cursor.take('.') ? cursor.identifier('column name') : undefined;
  cursor.expect('=');
  return { qualifier: second === undefined ? undefined : first, column: second ?? first, value: parseValue(cursor), place };
}

/** GoogleSQL requires WHERE in a DELETE. */
function parseDelete(cursor: Cursor): Statement {
  cursor.take('FROM');
  const path = parseTablePath(cursor);
  const alias = cursor.alias();
  cursor.expect('WHERE');
  return { kind: 'delete', path, alias, where: parseExpression(cursor) };
}

function parseMerge(cursor: Cursor): Statement {
  const { place } = cursor;
  cursor.take('INTO');
  const path = parseTablePath(cursor);
  const alias = cursor.alias();
  cursor.expect('USING');
  const source = parseFromItem(cursor);
  cursor.expect('ON');
  const on = parseExpression(cursor);
  const clauses: MergeClause[] = [];
  while (cursor.isAt('WHEN')) clauses.push(parseMergeClause(cursor));
  if (clauses.length === 0) throw cursor.unexpected('Expected keyword WHEN');
  return { kind: 'merge', path, alias, source, on, clauses, place };
}

function parseMergeClause(cursor: Cursor): MergeClause {
  const { place } = cursor;
  cursor.expect('WHEN');
  const not = cursor.take('NOT');
  cursor.expect('MATCHED');
  const bySource = not && cursor.take('BY', 'SOURCE');
  if (not && !bySource) cursor.take('BY', 'TARGET');
  const condition = cursor.take('AND') ? parseExpression(cursor) : undefined;
  cursor.expect('THEN');
  const when = bySource ? 'not matched by source' : not ? 'not matched' : 'matched';
  return { when, condition, action: parseMergeAction(cursor, when), place };
}

function parseMergeAction(cursor: Cursor, when: MergeClause['when']): MergeAction {
  const { place } = cursor;
  if (when === 'not matched') {
    cursor.expect('INSERT');
    const columns = cursor.isAt('(') ? parseColumnList(cursor) : undefined;
    if (cursor.take('ROW')) return { kind: 'insert', columns, values: 'row', place };
    cursor.expect('VALUES');
    return { kind: 'insert', columns, values: cursor.parenthesized(() => cursor.list(() => parseValue(cursor))), place };
  }
  if (cursor.take('DELETE')) return { kind: 'delete' };
  cursor.expect('UPDATE');
  cursor.expect('SET');
  return { kind: 'update', set: cursor.list(() => parseAssignment(cursor)) };
}
