// GoogleSQL's format elements (%Y, %E*S, …), for parsing and formatting.
import { invalidQuery } from '../rest/api-error.ts';
import { type ScalarName, text } from '../storage/column-type.ts';
import type { Call } from './tree.ts';

type Part = 'year' | 'month' | 'day' | 'hour' | 'minute' | 'second' | 'zone';

/** Element → the part it parses and its pattern, with one group (two for a second's fraction). */
const READ: Record<string, [Part, string]> = {
  '%Y': ['year', '([0-9]{1,5})'],
  '%m': ['month', '(1[0-2]|0?[1-9])'],
  '%d': ['day', '(3[01]|[12][0-9]|0?[1-9])'],
  '%e': ['day', ' ?(3[01]|[12][0-9]|[1-9])'],
  '%H': ['hour', '(2[0-3]|[01]?[0-9])'],
  '%M': ['minute', '([0-5]?[0-9])'],
  '%S': ['second', '([0-5]?[0-9]|60)'],
  // Digits after the sixth decimal are dropped.
  '%E*S': ['second', '([0-5]?[0-9]|60)(?:(\\.[0-9]{1,6})[0-9]*)?'],
  '%Ez': ['zone', '(Z|[+-](?:(?:0[0-9]|1[0-3])(?::?[0-5][0-9])?|14(?::?00)?))'],
  '%z': ['zone', '([+-](?:(?:0[0-9]|1[0-3])(?:[0-5][0-9])?|14(?:00)?))'],
};

const SHORT: Record<string, string> = { '%F': '%Y-%m-%d', '%T': '%H:%M:%S' };
// Directly before another element, a year has four digits.
const YEAR_BEFORE_ELEMENT = '([0-9]{4})';
const ELEMENT = /%E[*0-9]S|%E4Y|%Ez|%[A-Za-z%]|\s+|[^%\s]/g;

const DATE_PARTS: Part[] = ['year', 'month', 'day'];
const TIME_PARTS: Part[] = ['hour', 'minute', 'second'];
const PARTS: Partial<Record<ScalarName, Part[]>> = {
  DATE: DATE_PARTS,
  TIME: TIME_PARTS,
  DATETIME: [...DATE_PARTS, ...TIME_PARTS],
  TIMESTAMP: [...DATE_PARTS, ...TIME_PARTS, 'zone'],
};

/** DuckDB text that parses `subject` by a format, NULL if it does not match: the parts are put in the order that a cast expects. */
export function parsePattern(type: ScalarName, format: string, subject: string, call: Call): string {
  const { pattern, groups } = readFormat(type, format, call);
  const part = (name: Part, otherwise: string) => groups.get(name) ?? otherwise;
  const date = `${part('year', '1970')}-${part('month', '01')}-${part('day', '01')}`;
  const time = `${part('hour', '00')}:${part('minute', '00')}:${part('second', '00')}`;
  const ordered: Partial<Record<ScalarName, string>> = {
    DATE: date,
    TIME: time,
    DATETIME: `${date} ${time}`,
    TIMESTAMP: `${date} ${time}${part('zone', '+00')}`,
  };
  const inOrder = `regexp_replace(${subject}, ${text(pattern)}, ${text(ordered[type]!)})`;
  // A second 60 loses its fraction.
  const read = type === 'DATE' ? `TRY_CAST(${inOrder} AS DATE)` : `bq_leap_${type.toLowerCase()}(${inOrder}, ':59')`;
  const inRange = type === 'TIME' ? read : `bq_${type.toLowerCase()}_in_range(${read})`;
  return `CASE WHEN regexp_matches(${subject}, ${text(pattern)}) THEN ${inRange} END`;
}

/** The format as a pattern, and for each part its replacement reference. */
function readFormat(type: ScalarName, format: string, call: Call): { pattern: string; groups: Map<Part, string> } {
  let pattern = '';
  let count = 0;
  const groups = new Map<Part, string>();
  const long = format.replace(/%[FT]/g, (short) => SHORT[short]!);
  for (const { 0: element, index } of long.matchAll(ELEMENT)) {
    const known = READ[element];
    if (known) {
      const [part, reads] = known;
      if (groups.has(part) || !PARTS[type]!.includes(part)) throw unknownElement(element, call);
      pattern += element === '%Y' && long[index + 2] === '%' ? YEAR_BEFORE_ELEMENT : reads;
      groups.set(part, element === '%E*S' ? `\\${++count}\\${++count}` : `\\${++count}`);
    } else if (element.startsWith('%') && element !== '%%') throw unknownElement(element, call);
    else pattern += element.trim() === '' ? '\\s*' : escaped(element === '%%' ? '%' : element);
  }
  // One trailing NUL is ignored.
  return { pattern: `^\\s*${pattern}\\s*\\x00?$`, groups };
}

const escaped = (character: string) => character.replace(/[\\^$.|?*+()[\]{}]/, '\\$&');

const WRITE: Record<string, string> = {
  '%F': '%Y-%m-%d',
  '%T': '%H:%M:%S',
  '%E4Y': '%Y',
  '%E6S': '%S.%f',
  '%E3S': '%S.%g',
  '%Ez': '+00:00',
  '%z': '+0000',
  '%Z': 'UTC',
};
const SAME = ['%Y', '%m', '%d', '%H', '%M', '%S', '%B', '%b', '%A', '%a', '%j', '%y', '%I', '%p', '%%'];

/** The DuckDB strftime format of a GoogleSQL format. */
export function textPattern(format: string, call: Call): string {
  const elements = [...format.matchAll(ELEMENT)].map(([element]) => {
    if (!element.startsWith('%') || SAME.includes(element)) return element;
    const known = WRITE[element];
    if (known === undefined) throw unknownElement(element, call);
    return known;
  });
  return elements.join('');
}

const unknownElement = (element: string, call: Call) =>
  invalidQuery(`The local BigQuery does not support the format element ${element} here (${call.name})`, call.place);
