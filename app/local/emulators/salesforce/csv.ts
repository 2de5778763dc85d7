import { javaDouble } from './java-double.ts';
import type { Field, Value } from './org/field.ts';

export const DELIMITERS = { BACKQUOTE: '`', CARET: '^', COMMA: ',', PIPE: '|', SEMICOLON: ';', TAB: '\t' };
export const LINE_ENDINGS = { LF: '\n', CRLF: '\r\n' };

const JAVA_DOUBLES = ['double', 'currency', 'percent'];

/** One line of a Bulk result: every value is quoted, null is `""`. */
export function csvLine(values: readonly string[], delimiter: string, lineEnding: string): string {
  let line = '';
  for (const value of values) line += `${line === '' ? '' : delimiter}"${value.includes('"') ? value.replaceAll('"', '""') : value}"`;
  return line + lineEnding;
}

/** A value's text in a Bulk result. */
export function csvText({ facts, csv }: Field, value: Value): string {
  if (value === null) return '';
  if (csv) return csv(value);
  if (typeof value === 'number' && JAVA_DOUBLES.includes(facts.type)) return javaDouble(value);
  return String(value);
}
