import type { FieldFacts, Value } from './field.ts';
import { javaDouble } from './java-double.ts';

export const DELIMITERS = { BACKQUOTE: '`', CARET: '^', COMMA: ',', PIPE: '|', SEMICOLON: ';', TAB: '\t' };
export const LINE_ENDINGS = { LF: '\n', CRLF: '\r\n' };

const JAVA_DOUBLES = ['double', 'currency', 'percent'];

/** One line of a Bulk result: every value is quoted, null is `""`. */
export function csvLine(values: readonly string[], delimiter: string, lineEnding: string): string {
  return values.map((value) => `"${value.replaceAll('"', '""')}"`).join(delimiter) + lineEnding;
}

/** A value's text in a Bulk result. */
export function csvText(facts: FieldFacts, value: Value): string {
  if (value === null) return '';
  if (typeof value === 'number' && JAVA_DOUBLES.includes(facts.type)) return javaDouble(value);
  return String(value);
}
