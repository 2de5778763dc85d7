import { type ScalarName, scalar } from '../storage/column-type.ts';
import type { Call } from './tree.ts';
import { coerce, type Value, value } from './value.ts';

/** How a call becomes DuckDB text. Undefined: the function has no such signature. */
export type Compile = (given: Value[], call: Call) => Value | undefined;

/** A function of fixed types; arguments after `required` may be left out. Undefined result: no such signature. */
export function signature(takes: ScalarName[], gives: ScalarName, sql: (...given: string[]) => string, required = takes.length): Compile {
  return (given, call) => {
    if (given.length < required || given.length > takes.length) return undefined;
    const values = given.map((each, index) => coerce(each, scalar(takes[index]!), call.place));
    return values.every((each) => each !== undefined) ? value(gives, sql(...values.map((each) => each.sql))) : undefined;
  };
}

/** The first of several signatures that fits. */
export const anyOf =
  (...signatures: Compile[]): Compile =>
  (given, call) => {
    for (const each of signatures) {
      const found = each(given, call);
      if (found) return found;
    }
    return undefined;
  };
