// Date and time functions, all in UTC, because no supported function takes a time zone.
import { invalidQuery } from '../rest/api-error.ts';
import { type ScalarName, scalar, text } from '../storage/column-type.ts';
import { parsePattern, textPattern } from './date-format.ts';
import { type Compile, signature } from './signature.ts';
import type { Call } from './tree.ts';
import { cast, coerce, type Value, value } from './value.ts';

const MICROS: Record<string, number> = { MICROSECOND: 1, MILLISECOND: 1e3, SECOND: 1e6, MINUTE: 6e7, HOUR: 36e8 };
const DAY_PARTS = ['DAY', 'WEEK', 'ISOWEEK', 'MONTH', 'QUARTER', 'YEAR'];

/** The date part given as an argument. */
function partOf(args: Value | undefined, allowed: string[], call: Call): string {
  const part = args?.part;
  if (part !== undefined && allowed.includes(part)) return part;
  throw invalidQuery(`A valid date part name is required for ${call.name} but found ${part ?? 'an expression'}`, call.place);
}

/** Weeks start on Sunday; in DuckDB and ISOWEEK on Monday. */
function truncated(sql: string, part: string): string {
  if (part === 'WEEK') return `date_trunc('week', ${sql} + INTERVAL 1 DAY) - INTERVAL 1 DAY`;
  return `date_trunc('${part === 'ISOWEEK' ? 'week' : part.toLowerCase()}', ${sql})`;
}

const trunc =
  (type: ScalarName, parts: string[], stored: string): Compile =>
  ([from, part], call) => {
    const known = from && coerce(from, scalar(type));
    if (!known || call.arguments.length !== 2) return undefined;
    return value(type, `CAST(${truncated(known.sql, partOf(part, parts, call))} AS ${stored})`);
  };

/** Both clamp months and years to the last valid day. */
const add =
  (type: ScalarName, sign: '+' | '-', parts: string[], stored: string, range: string): Compile =>
  ([from, by], call) => {
    const known = from && coerce(from, scalar(type));
    if (!known || !by?.interval || call.arguments.length !== 2) return undefined;
    const part = partOf({ ...by, part: by.interval.part }, parts, call);
    const days =
      part === 'WEEK' ? `7 * ${by.interval.amount.sql}` : part === 'QUARTER' ? `3 * ${by.interval.amount.sql}` : by.interval.amount.sql;
    const unit = part === 'WEEK' ? 'DAY' : part === 'QUARTER' ? 'MONTH' : part;
    const moved = `CAST(${known.sql} ${sign} to_${unit.toLowerCase()}s(CAST(${days} AS ${unit.endsWith('SECOND') || unit === 'HOUR' || unit === 'MINUTE' ? 'BIGINT' : 'INTEGER'})) AS ${stored})`;
    return value(type, `bq_or_fail(${known.sql}, ${range}(${moved}), ${text(`${call.name} overflow: `)})`);
  };

/** Whole units between two timestamps, truncated toward zero. */
const timestampDifference: Compile = ([one, other, part], call) => {
  const [later, earlier] = [one && coerce(one, scalar('TIMESTAMP')), other && coerce(other, scalar('TIMESTAMP'))];
  if (!later || !earlier || call.arguments.length !== 3) return undefined;
  const unit = { ...MICROS, DAY: 864e8 }[partOf(part, [...Object.keys(MICROS), 'DAY'], call)];
  return value('INT64', `((epoch_us(${later.sql}) - epoch_us(${earlier.sql})) // ${unit})`);
};

/** The number of part boundaries between two dates. */
const dateDifference: Compile = ([one, other, part], call) => {
  const [later, earlier] = [one && coerce(one, scalar('DATE')), other && coerce(other, scalar('DATE'))];
  if (!later || !earlier || call.arguments.length !== 3) return undefined;
  const name = partOf(part, DAY_PARTS, call);
  if (!name.endsWith('WEEK')) return value('INT64', `date_diff('${name.toLowerCase()}', ${earlier.sql}, ${later.sql})`);
  const week = (sql: string) => `CAST(${truncated(sql, name)} AS DATE)`;
  return value('INT64', `(${week(later.sql)} - ${week(earlier.sql)}) // 7`);
};

const convert =
  (to: ScalarName, from: ScalarName[]): Compile =>
  ([args], call) => {
    if (call.arguments.length !== 1 || !args || !from.includes(args.type.name as ScalarName)) return undefined;
    return cast(args, scalar(to), false, call.place);
  };

/** Parses a text by a constant format, which becomes a pattern whose parts form a text that DuckDB casts. */
const parse =
  (type: ScalarName): Compile =>
  ([format, input], call) => {
    const subject = input && coerce(input, scalar('STRING'));
    if (!subject || call.arguments.length !== 2 || format?.type.name !== 'STRING') return undefined;
    if (format.literal === undefined) throw invalidQuery(`The local BigQuery supports ${call.name} only with a literal format`, call.place);
    const read = parsePattern(type, format.literal, subject.sql, call);
    const failure = text(`Failed to parse input string: `);
    return value(type, call.safe ? read : `bq_or_fail(${subject.sql}, ${read}, ${failure})`);
  };

const format =
  (type: ScalarName, moment: (sql: string) => string): Compile =>
  ([pattern, args], call) => {
    const known = args && coerce(args, scalar(type));
    if (!known || call.arguments.length !== 2 || pattern?.type.name !== 'STRING') return undefined;
    if (pattern.literal === undefined)
      throw invalidQuery(`The local BigQuery supports ${call.name} only with a literal format`, call.place);
    return value('STRING', `strftime(${moment(known.sql)}, ${text(textPattern(pattern.literal, call))})`);
  };

const TIMES = [...Object.keys(MICROS), 'DAY'];
const utc = (sql: string) => `timezone('UTC', ${sql})`;
/** The emulator's clock may be ahead of real time. */
const NOW = `(now() + to_milliseconds(coalesce(getvariable('clock_shift_ms'), 0)))`;

export const DATE_FUNCTIONS: Record<string, Compile> = {
  CURRENT_TIMESTAMP: signature([], 'TIMESTAMP', () => NOW),
  CURRENT_DATE: signature([], 'DATE', () => `CAST(timezone('UTC', ${NOW}) AS DATE)`),
  CURRENT_DATETIME: signature([], 'DATETIME', () => `timezone('UTC', ${NOW})`),
  DATE: (args, call) =>
    args.length === 3
      ? signature(['INT64', 'INT64', 'INT64'], 'DATE', (y, m, d) => `make_date(${y}, ${m}, ${d})`)(args, call)
      : convert('DATE', ['TIMESTAMP', 'DATETIME', 'DATE', 'STRING'])(args, call),
  DATETIME: convert('DATETIME', ['TIMESTAMP', 'DATE', 'STRING']),
  TIME: convert('TIME', ['TIMESTAMP', 'DATETIME']),
  TIMESTAMP: convert('TIMESTAMP', ['STRING', 'DATE', 'DATETIME', 'TIMESTAMP']),
  TIMESTAMP_TRUNC: trunc('TIMESTAMP', [...TIMES, ...DAY_PARTS], 'TIMESTAMPTZ'),
  DATE_TRUNC: trunc('DATE', DAY_PARTS, 'DATE'),
  DATETIME_TRUNC: trunc('DATETIME', [...TIMES, ...DAY_PARTS], 'TIMESTAMP'),
  TIMESTAMP_ADD: add('TIMESTAMP', '+', TIMES, 'TIMESTAMPTZ', 'bq_timestamp_in_range'),
  TIMESTAMP_SUB: add('TIMESTAMP', '-', TIMES, 'TIMESTAMPTZ', 'bq_timestamp_in_range'),
  DATE_ADD: add('DATE', '+', DAY_PARTS, 'DATE', 'bq_date_in_range'),
  DATE_SUB: add('DATE', '-', DAY_PARTS, 'DATE', 'bq_date_in_range'),
  TIMESTAMP_DIFF: timestampDifference,
  DATE_DIFF: dateDifference,
  UNIX_SECONDS: signature(['TIMESTAMP'], 'INT64', (t) => `CAST(floor(epoch_us(${t}) / 1000000) AS BIGINT)`),
  UNIX_MILLIS: signature(['TIMESTAMP'], 'INT64', (t) => `CAST(floor(epoch_us(${t}) / 1000) AS BIGINT)`),
  UNIX_MICROS: signature(['TIMESTAMP'], 'INT64', (t) => `epoch_us(${t})`),
  TIMESTAMP_SECONDS: signature(['INT64'], 'TIMESTAMP', (n) => `make_timestamptz(${n} * 1000000)`),
  TIMESTAMP_MILLIS: signature(['INT64'], 'TIMESTAMP', (n) => `make_timestamptz(${n} * 1000)`),
  TIMESTAMP_MICROS: signature(['INT64'], 'TIMESTAMP', (n) => `make_timestamptz(${n})`),
  PARSE_TIMESTAMP: parse('TIMESTAMP'),
  PARSE_DATE: parse('DATE'),
  PARSE_TIME: parse('TIME'),
  PARSE_DATETIME: parse('DATETIME'),
  FORMAT_TIMESTAMP: format('TIMESTAMP', utc),
  FORMAT_DATE: format('DATE', (sql) => sql),
  FORMAT_DATETIME: format('DATETIME', (sql) => sql),
};

const EXTRACTS: Record<string, string> = {
  YEAR: 'year',
  QUARTER: 'quarter',
  MONTH: 'month',
  DAY: 'day',
  DAYOFYEAR: 'dayofyear',
  ISOYEAR: 'isoyear',
  ISOWEEK: 'week',
  HOUR: 'hour',
  MINUTE: 'minute',
};

/** EXTRACT(part FROM value). */
export function extract(part: string, from: Value, place: Call['place']): Value {
  const zoned = from.type.name === 'TIMESTAMP';
  if (!zoned && !['DATE', 'DATETIME', 'TIME'].includes(from.type.name))
    throw invalidQuery(`EXTRACT from type ${from.type.name} is not supported`, place);
  const moment = zoned ? utc(from.sql) : from.sql;
  if (zoned && part === 'DATE') return value('DATE', `CAST(${moment} AS DATE)`);
  if (zoned && part === 'TIME') return value('TIME', `CAST(${moment} AS TIME)`);
  const timePart = ['HOUR', 'MINUTE', 'SECOND', 'MILLISECOND', 'MICROSECOND'].includes(part);
  if (from.type.name === 'DATE' ? timePart : from.type.name === 'TIME' && !timePart) {
    throw invalidQuery(`EXTRACT of ${part} from ${from.type.name} is not supported`, place);
  }
  if (part === 'DAYOFWEEK') return value('INT64', `dayofweek(${moment}) + 1`);
  if (part === 'SECOND') return value('INT64', `(microsecond(${moment}) // 1000000)`);
  if (part === 'MILLISECOND') return value('INT64', `(microsecond(${moment}) // 1000 % 1000)`);
  if (part === 'MICROSECOND') return value('INT64', `(microsecond(${moment}) % 1000000)`);
  const name = EXTRACTS[part];
  if (!name) throw invalidQuery(`The local BigQuery does not support EXTRACT(${part} …)`, place);
  return value('INT64', `${name}(${moment})`);
}
