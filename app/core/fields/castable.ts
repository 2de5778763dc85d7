import type { ColumnType } from './columns.ts';

/**
 * Whether BigQuery certainly casts a text to a column's type, without rounding. False only means that BigQuery has to try: the formats in
 * which Salesforce writes its values, and nothing else, are recognized. An empty text is NULL for every type.
 */
export function isCastable(type: ColumnType, text: string): boolean {
  return text === '' || CASTABLE[type](text);
}

const CASTABLE: Record<ColumnType, (text: string) => boolean> = {
  STRING: () => true,
  BOOL: (text) => text === 'true' || text === 'false',
  INT64: (text) => /^-?\d{1,18}$/.test(text),
  // A double has up to 308 digits before the decimal point, and rounds any number of digits after it.
  FLOAT64: (text) => fits(text, 308, Number.POSITIVE_INFINITY),
  NUMERIC: (text) => fits(text, 29, 9),
  BIGNUMERIC: (text) => fits(text, 38, 38),
  DATE: isDate,
  TIMESTAMP: (text) => /^[\d-]{10}T(?:[01]\d|2[0-3])(?::[0-5]\d){2}(?:\.\d{1,6})?(?:Z|\+0000)$/.test(text) && isDate(text.slice(0, 10)),
  TIME: (text) => /^(?:[01]\d|2[0-3])(?::[0-5]\d){2}(?:\.\d{1,6})?Z$/.test(text),
};

/** Whether a number, possibly with an exponent, has at most so many digits before and after its decimal point. */
function fits(text: string, maxInteger: number, maxFraction: number): boolean {
  const [, integer, fraction = '', exponent = '0'] = /^-?(\d{1,60})(?:\.(\d{1,60}))?(?:[eE]([+-]?\d{1,3}))?$/.exec(text) ?? [];
  if (integer === undefined) return false;
  return integer.length + Number(exponent) <= maxInteger && fraction.length - Number(exponent) <= maxFraction;
}

/** A day of the calendar from 0001-01-01 to 9999-12-31. */
function isDate(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text) || text < '0001') return false;
  // An impossible day becomes another one, or is invalid.
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}
