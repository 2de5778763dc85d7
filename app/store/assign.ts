import { columnOf } from './to-record.ts';

/** A SET list, and its parameters. */
export interface Assignments {
  /** for example `merge_try = $3, counted = $4` */
  sql: string;
  parameters: unknown[];
}

/**
 * Assigns the given properties to their columns; the others stay unchanged. Objects and arrays are stored as JSON.
 * @param firstParameter number of the first parameter
 */
export function assign(properties: object, firstParameter: number): Assignments {
  const entries = Object.entries(properties);
  return {
    sql: entries.map(([property], index) => `${columnOf(property)} = $${firstParameter + index}`).join(', '),
    parameters: entries.map(([, value]) => (isJson(value) ? JSON.stringify(value) : value)),
  };
}

function isJson(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !(value instanceof Date);
}
