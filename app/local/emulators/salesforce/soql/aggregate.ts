import type { Value } from '../org/field.ts';
import type { Row } from '../org/table.ts';
import { SalesforceError } from '../rest/salesforce-error.ts';
import type { Column } from './column.ts';

/** An aggregate function over all rows of a query. */
export interface Aggregate {
  /** Its alias, or expr0, expr1 … by position. */
  name: string;
  compute: (values: Value[]) => Value;
  /** Like all aggregates, COUNT of a field ignores nulls. */
  column: Column;
}

const FUNCTIONS: Record<string, (values: Value[]) => Value> = {
  COUNT: (values) => values.length,
  COUNT_DISTINCT: (values) => new Set(values).size,
  MIN: (values) => values.reduce<Value>((least, value) => (least === null || value! < least ? value : least), null),
  MAX: (values) => values.reduce<Value>((most, value) => (most === null || value! > most ? value : most), null),
  SUM: (values) => (values.length === 0 ? null : sum(values)),
  AVG: (values) => (values.length === 0 ? null : sum(values) / values.length),
};

/** Builds the aggregate of a column. Throws MALFORMED_QUERY if the function is unknown or does not accept the field. */
export function aggregateOf(functionName: string, column: Column, name: string): Aggregate {
  const compute = FUNCTIONS[functionName.toUpperCase()];
  if (!compute) throw new SalesforceError(400, 'MALFORMED_QUERY', `The emulator does not support the function ${functionName}.`);
  if (!column.facts.aggregatable) {
    throw new SalesforceError(
      400,
      'MALFORMED_QUERY',
      `field ${column.path} does not support aggregate operator ${functionName.toUpperCase()}`,
    );
  }
  return { name, compute, column };
}

/** The single result row: every aggregate by its name. */
export function aggregateRow(aggregates: Aggregate[], found: Iterable<Row>): Record<string, Value> {
  const values: Value[][] = aggregates.map(() => []);
  for (const row of found) {
    for (const [index, { column }] of aggregates.entries()) {
      const value = column.read(row);
      if (value !== null) values[index]?.push(value);
    }
  }
  return Object.fromEntries(aggregates.map(({ name, compute }, index) => [name, compute(values[index] ?? [])]));
}

function sum(values: Value[]): number {
  return values.reduce<number>((total, value) => total + Number(value), 0);
}
