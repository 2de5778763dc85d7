import { type ScalarName, scalar } from '../storage/column-type.ts';
import type { Call } from './tree.ts';
import { coerce, type Value, value } from './value.ts';

/** Translates a call to DuckDB text. Undefined: the function has no such signature. */
export type Compile = (args: Value[], call: Call) => Value | undefined;

/** A function with fixed types; arguments after `required` are optional. Undefined result: no such signature. */
export function signature(takes: ScalarName[], gives: ScalarName, sql: (...args: string[]) => string, required = takes.length): Compile {
  return (args, call) => {
    if (args.length < required || args.length > takes.length) return undefined;
    const values = args.map((each, index) => coerce(each, scalar(takes[index]!), call.place));
    return values.every((each) => each !== undefined) ? value(gives, sql(...values.map((each) => each.sql))) : undefined;
  };
}

/** The first matching signature of several. */
export const anyOf =
  (...signatures: Compile[]): Compile =>
  (args, call) => {
    for (const each of signatures) {
      const found = each(args, call);
      if (found) return found;
    }
    return undefined;
  };
