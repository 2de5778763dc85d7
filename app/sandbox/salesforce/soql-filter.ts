import type { parseQuery } from '@jetstreamapp/soql-parser-js';
import type { Org } from './org.ts';
import { SalesforceError } from './salesforce-error.ts';
import { columnOf } from './soql-column.ts';
import { comparisonOf } from './soql-comparison.ts';
import { soqlError } from './soql-error.ts';
import type { Row, Table } from './table.ts';

type Where = NonNullable<ReturnType<typeof parseQuery>['where']>;
export type Condition = NonNullable<Where['left']>;
type Test = (row: Row) => boolean;
type Token = '(' | ')' | 'AND' | 'OR' | 'NOT' | Condition;

/**
 * Turns a WHERE clause into a test of rows. The parser gives a flat chain whose conditions remember the parentheses
 * around them, so the chain is laid out again as tokens and read by precedence.
 */
export function filterOf(org: Org, table: Table, soql: string, where: Where): Test {
  const tokens = tokensOf(where);
  let next = 0;

  return expression();

  /** Terms joined by one operator: Salesforce refuses AND beside OR without parentheses. */
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
    return conditionTest(org, table, soql, token);
  }

  function mixedOperators(): SalesforceError {
    return soqlError('MALFORMED_QUERY', soql, Math.max(0, soql.search(/\bOR\b/i)), "unexpected token: 'OR'");
  }
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

function conditionTest(org: Org, table: Table, soql: string, condition: Condition): Test {
  if (!('field' in condition) || !('value' in condition)) {
    throw new SalesforceError(400, 'MALFORMED_QUERY', 'The sandbox filters by fields and literals only.');
  }
  const column = columnOf(org, table, soql, condition.field);
  if (!column.facts.filterable) {
    throw soqlError(
      'INVALID_FIELD',
      soql,
      soql.lastIndexOf(column.path),
      `field '${column.facts.name}' can not be filtered in a query call`,
    );
  }
  const holds = comparisonOf(column, soql, condition.operator, [condition.value].flat(), [condition.literalType ?? 'STRING'].flat());
  return (row) => holds(column.read(row));
}
