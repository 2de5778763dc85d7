// Values in the format of REST responses.
import {
  DuckDBBlobValue,
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBListValue,
  DuckDBStructValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBTimeValue,
  type DuckDBValue,
} from '@duckdb/node-api';
import type { ColumnType } from '../storage/column-type.ts';

/** The requested timestamp format: micros as an integer, ISO text, or seconds as a float, BigQuery's default. */
export type TimestampForm = 'INT64' | 'ISO8601_STRING' | 'FLOAT64';

export interface Cell {
  v: string | null | Cell[] | { f: Cell[] };
}

/** How to read a stored table's columns: as bytes, because DuckDB's client drops a leading U+FEFF. */
export const readList = (columns: { name: string; type: ColumnType }[]) =>
  columns.map(({ name, type }) => (type.name === 'STRING' ? `encode(${name})` : name)).join(', ');

/** One row: `{f: [{v: …}, …]}`. */
export function rowOf(values: DuckDBValue[], types: ColumnType[], form: TimestampForm): { f: Cell[] } {
  return { f: values.map((value, index) => cellOf(value, types[index]!, form)) };
}

function cellOf(value: DuckDBValue, type: ColumnType, form: TimestampForm): Cell {
  if (type.name === 'ARRAY') {
    // BigQuery has no NULL arrays; they are empty.
    const items = value instanceof DuckDBListValue ? value.items : [];
    return { v: items.map((item) => cellOf(item, type.element!, form)) };
  }
  if (value === null) return { v: null };
  if (value instanceof DuckDBStructValue) {
    const entries = Object.values(value.entries);
    return {
      v: rowOf(
        entries,
        type.fields!.map((field) => field.type),
        form,
      ),
    };
  }
  if (value instanceof DuckDBBlobValue) return { v: Buffer.from(value.bytes).toString(type.name === 'STRING' ? 'utf8' : 'base64') };
  return { v: textOf(value, form) };
}

function textOf(value: DuckDBValue, form: TimestampForm): string {
  if (typeof value === 'number') return floatText(value);
  if (value instanceof DuckDBDecimalValue) return decimalText(value);
  if (value instanceof DuckDBDateValue) return dateText(BigInt(value.days) * DAY);
  if (value instanceof DuckDBTimeValue) return timeText(value.micros);
  if (value instanceof DuckDBTimestampValue) return `${dateText(value.micros)}T${timeText(dayMicros(value.micros))}`;
  if (value instanceof DuckDBTimestampTZValue) return timestampText(value.micros, form);
  return String(value);
}

/** A double in Java's format: 1.0, 1.0E20, NaN, Infinity. */
function floatText(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const [digits, exponent] = String(value).split('e') as [string, string | undefined];
  const mantissa = digits.includes('.') ? digits : `${digits}.0`;
  return exponent === undefined ? mantissa : `${mantissa}E${exponent.replace('+', '')}`;
}

function decimalText({ value, scale }: DuckDBDecimalValue): string {
  const digits = String(value < 0n ? -value : value).padStart(scale + 1, '0');
  const fraction = digits.slice(digits.length - scale).replace(/0+$/, '');
  return `${value < 0n ? '-' : ''}${digits.slice(0, digits.length - scale)}${fraction === '' ? '' : `.${fraction}`}`;
}

const DAY = 86_400_000_000n;
const dayMicros = (micros: bigint) => ((micros % DAY) + DAY) % DAY;
const dateText = (micros: bigint) => new Date(Number((micros - dayMicros(micros)) / 1000n)).toISOString().slice(0, 10);

function timeText(micros: bigint): string {
  const seconds = Number(micros / 1_000_000n);
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60].map((part) => String(part).padStart(2, '0'));
  const fraction = micros % 1_000_000n;
  return `${parts.join(':')}${fraction === 0n ? '' : `.${String(fraction).padStart(6, '0')}`}`;
}

function timestampText(micros: bigint, form: TimestampForm): string {
  if (form === 'INT64') return String(micros);
  if (form === 'ISO8601_STRING') return `${dateText(micros)}T${timeText(dayMicros(micros))}Z`;
  const [mantissa, exponent] = (Number(micros) / 1e6).toExponential().split('e') as [string, string];
  return `${mantissa.includes('.') ? mantissa : `${mantissa}.0`}E${exponent.replace('+', '')}`;
}
