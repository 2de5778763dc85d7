import { type ScalarName, scalar } from '../storage/column-type.ts';
import type { Call } from './tree.ts';
import { coerce, type Value, value } from './value.ts';

/** Translates a call to DuckDB text. Undefined: the function has no such signature. */
export type Compile = (given: Value[], call: Call) => Value | undefined;

/** A function with fixed types; arguments after `required` are optional. Undefined result: no such signature. */
export function signature(takes: ScalarName[], gives: ScalarName, sql: (...given: string[]) => string, required = takes.length): Compile {
  return (given, call) => {
    if (given.length < required || given.length > takes.length) return undefined;
    const values = given.map((each, index) => coerce(each, scalar(takes[index]!), call.place));
    return values.every((each) => each !== undefined) ? value(gives, sql(...values.map((each) => each.sql))) : undefined;
  };
}

/** The first matching signature of several. */
export const anyOf =
  (...signatures: Compile[]): Compile =>
  (given, call) => {
    for (const each of signatures) {
      const found = each(given, call);
      if (found) return found;
    }
    return undefined;
  };
