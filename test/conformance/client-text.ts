import { BigQueryDate, BigQueryDatetime, BigQueryInt, BigQueryTime, BigQueryTimestamp } from '@google-cloud/bigquery';

/** The text that GoogleSQL produces for a value of Google's client. */
export function clientText(value: unknown): string | undefined {
  if (value === null) return undefined;
  if (typeof value === 'string' || typeof value === 'boolean') return String(value);
  if (typeof value === 'number') return numberText(value);
  if (value instanceof BigQueryDate || value instanceof BigQueryInt) return value.value;
  if (value instanceof BigQueryTime) return trimFraction(value.value);
  if (value instanceof BigQueryDatetime) return trimFraction(value.value.replace('T', ' '));
  if (value instanceof BigQueryTimestamp) return `${trimFraction(value.value.replace('T', ' ').replace('Z', ''))}+00`;
  if (typeof value === 'object' && 'toFixed' in value) return (value.toFixed as () => string).call(value);
  throw new TypeError(`The value ${String(value)} has an unknown type.`);
}

/** With 15 digits if they are exact, otherwise 17. */
function numberText(value: number): string {
  if (!Number.isFinite(value)) return String(value).toLowerCase().replace('infinity', 'inf');
  const digits = Number(value.toPrecision(15)) === value ? 15 : 17;
  const [mantissa, exponent] = value.toExponential(digits - 1).split('e') as [string, string];
  if (Number(exponent) < -4 || Number(exponent) >= digits) {
    const trimmed = mantissa.replace(/\.?0+$/, '');
    return `${trimmed}e${exponent[0]}${exponent.slice(1).padStart(2, '0')}`;
  }
  return value
    .toPrecision(digits)
    .replace(/(\.\d*?)0+$/, '$1')
    .replace(/\.$/, '');
}

/** GoogleSQL's shortest fraction of a second: none, three digits or six. */
function trimFraction(text: string): string {
  const [whole, fraction = ''] = text.split('.') as [string, string?];
  const short = fraction.replace(/0+$/, '');
  if (short === '') return whole;
  return `${whole}.${short.padEnd(short.length > 3 ? 6 : 3, '0')}`;
}

/** The value as Google's client reads it: it moves fractions of the last second before 1970 into the first second of 1970. */
export const asClientReads = (text: string): string => text.replace('1969-12-31 23:59:59.', '1970-01-01 00:00:00.');
