import { SalesforceError } from '../rest/salesforce-error.ts';

const BEFORE = 60;
const AFTER = 60;

/** An error that shows the position in the query: a blank line, an excerpt, a caret below the position, row and column. */
export function soqlError(errorCode: string, soql: string, place: number, explanation: string): SalesforceError {
  const start = Math.max(0, place - BEFORE);
  const excerpt = soql.slice(start, place + AFTER).replaceAll(/[\r\n]/g, ' ');
  const rows = soql.slice(0, place).split('\n');
  const row = rows.length;
  const column = (rows.at(-1)?.length ?? 0) + 1;
  const caret = `${' '.repeat(place - start)}^`;
  return new SalesforceError(400, errorCode, `\n${excerpt}\n${caret}\nERROR at Row:${row}:Column:${column}\n${explanation}`);
}

/** INVALID_FIELD at the first occurrence of the name in the query. */
export function invalidFieldError(soql: string, name: string, explanation: string): SalesforceError {
  return soqlError('INVALID_FIELD', soql, positionOf(soql, name), explanation);
}

export function noSuchColumnError(soql: string, path: string, name: string, object: string): SalesforceError {
  return invalidFieldError(
    soql,
    path,
    `No such column '${name}' on entity '${object}'. If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. Please reference your WSDL or the describe call for the appropriate names.`,
  );
}

/** The position of a whole word in the query; 0 if it cannot be found. */
export function positionOf(soql: string, word: string): number {
  const escaped = word.replaceAll(/[^\w]/g, '\\$&');
  return Math.max(0, soql.search(new RegExp(`(?<![\\w.])${escaped}(?![\\w])`, 'i')));
}

/** MALFORMED_QUERY with the unexpected token. */
export function malformedQueryError(message: string, soql: string): SalesforceError {
  const token = /found(?: -->|:) '([^']*)'/.exec(message)?.[1] ?? '';
  if (!/^\s*select\b/i.test(soql)) return new SalesforceError(400, 'MALFORMED_QUERY', `unexpected token: ${token}`);
  if (token === '') return soqlError('MALFORMED_QUERY', soql, soql.length, "unexpected token: '<EOF>'");
  return soqlError('MALFORMED_QUERY', soql, positionOf(soql, token), `unexpected token: '${token}'`);
}
