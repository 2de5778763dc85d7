import { columnOf } from './to-record.ts';

/** A part of a statement, and its parameters. */
export interface Assignments {
  sql: string;
  parameters: unknown[];
}

/**
 * A SET list, for example `merge_try = $3, counted = $4`: assigns the given properties to their columns; the others stay unchanged. Objects and
 * arrays are stored as JSON.
 * @param firstParameter number of the first parameter
 */
export function assign(properties: object, firstParameter: number): Assignments {
  return join(properties, firstParameter, '=', ', ');
}

/** A condition that these properties have these values, for example `deletes IS NOT DISTINCT FROM $2 AND every IS NOT DISTINCT FROM $3`. */
export function match(properties: object, firstParameter: number): Assignments {
  return join(properties, firstParameter, 'IS NOT DISTINCT FROM', ' AND ');
}

function join(properties: object, firstParameter: number, operator: string, separator: string): Assignments {
  const entries = Object.entries(properties);
  return {
    sql: entries.map(([property], index) => `${columnOf(property)} ${operator} $${firstParameter + index}`).join(separator),
    parameters: entries.map(([, value]) => (isJson(value) ? JSON.stringify(value) : value)),
  };
}

function isJson(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !(value instanceof Date);
}
