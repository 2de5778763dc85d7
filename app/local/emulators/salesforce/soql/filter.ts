import type { parseQuery } from '@jetstreamapp/soql-parser-js';
import type { Value } from '../org/field.ts';
import type { Row, Table } from '../org/table.ts';
import type { Tables } from '../org/tables.ts';
import { SalesforceError } from '../rest/salesforce-error.ts';
import { type Column, columnOf } from './column.ts';
import { compileComparison } from './comparison.ts';
import { soqlError } from './error.ts';

type Where = NonNullable<ReturnType<typeof parseQuery>['where']>;
export type Condition = NonNullable<Where['left']>;
type SemiJoin = Extract<Condition, { valueQuery: unknown; field: string }>;
type Test = (row: Row) => boolean;
type Token = '(' | ')' | 'AND' | 'OR' | 'NOT' | Condition;

/**
 * Turns a WHERE clause into a predicate on rows. The parser returns a flat chain whose conditions remember their
 * parentheses, so the chain is turned back into tokens and parsed by precedence.
 */
export function compileFilter(tables: Tables, table: Table, soql: string, where: Where): Test {
  const tokens = tokensOf(where);
  let next = 0;

  return expression();

  /** Terms joined by one operator: Salesforce rejects a mix of AND and OR without parentheses. */
  function expression(): Test {
    const tests = [term()];
    const operator = tokens[next];
    while (tokens[next] === 'AND' || tokens[next] === 'OR') {
      if (tokens[next] !== operator) throw mixedOperators();
      next++;
      tests.push(term());
    }
    if (operator === 'OR') return (row) => tests.some((test) => test(row));
    return (row) => tests.every((test) => test(row));
  }

  function term(): Test {
    const token = tokens[next++];
    if (token === 'NOT') return negated(term());
    if (token === '(') {
      const inner = expression();
      next++;
      return inner;
    }
    if (token === undefined || typeof token === 'string') throw new SalesforceError(400, 'MALFORMED_QUERY', `unexpected token: ${token}`);
    return conditionTest(tables, table, soql, token);
  }

  function mixedOperators(): SalesforceError {
    return soqlError('MALFORMED_QUERY', soql, Math.max(0, soql.search(/\bOR\b/i)), "unexpected token: 'OR'");
  }
}

/** Some objects can only be queried by a parent's id. Throws Salesforce's error for any other query. */
export function requireFilterById({ definition: { name, filterById = [] } }: Table, where: Where | undefined): void {
  if (filterById.length === 0) return;
  const conditions = where ? tokensOf(where).filter((token) => typeof token === 'object') : [];
  const names = filterById.map((field) => field.toLowerCase());
  const byId = conditions.some((one) => 'field' in one && names.includes(one.field.toLowerCase()) && ['=', 'IN'].includes(one.operator));
  if (byId) return;
  throw new SalesforceError(
    400,
    'MALFORMED_QUERY',
    `Implementation restriction: ${name} requires a filter by a single Id on ${filterById.join(' or ')} using the equals operator or multiple Id's using the IN operator.`,
  );
}

function negated(test: Test): Test {
  return (row) => !test(row);
}

function tokensOf(where: Where): Token[] {
  const tokens: Token[] = [];
  for (let link: Where | undefined = where; link; link = 'right' in link ? link.right : undefined) {
    const { left } = link;
    tokens.push(...Array<Token>(left?.openParen ?? 0).fill('('));
    if ('operator' in link && link.operator === 'NOT') {
      tokens.push('NOT');
      continue;
    }
    if (left) tokens.push(left);
    if (left && 'closeParen' in left) tokens.push(...Array<Token>(left.closeParen ?? 0).fill(')'));
    if ('operator' in link) tokens.push(link.operator);
  }
  return tokens;
}

function conditionTest(tables: Tables, table: Table, soql: string, condition: Condition): Test {
  if ('valueQuery' in condition && 'field' in condition) return semiJoin(tables, table, soql, condition);
  if (!('field' in condition) || !('value' in condition)) {
    throw new SalesforceError(400, 'MALFORMED_QUERY', 'The emulator supports only fields and literals in WHERE.');
  }
  const column = filterableColumn(tables, table, soql, condition.field);
  const { operator, value, literalType = 'STRING' } = condition;
  const matches = compileComparison(column, soql, operator, [value].flat(), [literalType].flat(), tables.now());
  return (row) => matches(column.read(row));
}

function filterableColumn(tables: Tables, table: Table, soql: string, path: string): Column {
  const column = columnOf(tables, table, soql, path);
  if (!column.facts.filterable) {
    throw soqlError(
      'INVALID_FIELD',
      soql,
      soql.lastIndexOf(column.path),
      `field '${column.facts.name}' can not be filtered in a query call`,
    );
  }
  return column;
}

/** `Id IN (SELECT AccountId FROM Contact …)`: the inner query runs once, when the first row needs it. */
function semiJoin(tables: Tables, table: Table, soql: string, condition: SemiJoin): Test {
  const column = filterableColumn(tables, table, soql, condition.field);
  const { sObject = '', fields = [], where } = condition.valueQuery;
  const inner = tables.table(sObject);
  const [selected] = fields;
  if (!inner || selected?.type !== 'Field')
    throw new SalesforceError(400, 'MALFORMED_QUERY', 'The emulator supports semi-joins only on one field of one object.');
  const { read } = columnOf(tables, inner, soql, selected.field);
  const matches = where ? compileFilter(tables, inner, soql, where) : () => true;
  let ids: Set<Value> | undefined;
  return (row) => {
    ids ??= new Set([...inner.rows()].filter((one) => !inner.isOnlyForQueryAll(one) && matches(one)).map(read));
    const value = column.read(row);
    return condition.operator === 'IN' ? value !== null && ids.has(value) : !ids.has(value);
  };
}
