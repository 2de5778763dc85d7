/** Types of columns whose values are aligned to the right. */
const NUMERIC = new Set(['INTEGER', 'INT64', 'FLOAT', 'FLOAT64', 'NUMERIC', 'BIGNUMERIC']);

export function isNumeric(type: string): boolean {
  return NUMERIC.has(type);
}

/** A value as JSON text; numbers of every type keep all their digits, dates and times are strings. */
export function jsonOf(value: unknown): string {
  return JSON.stringify(unwrap(value));
}

/** A value as it is shown in a cell; null for NULL. */
export function textOf(value: unknown): string | null {
  const plain = unwrap(value);
  return plain === null || typeof plain === 'string' ? plain : JSON.stringify(plain);
}

/** One CSV record by RFC 4180, ending with LF. NULL is empty, an empty string is quoted: they would look the same otherwise. */
export function csvRecord(values: readonly (string | null)[]): string {
  return `${values.map((value) => (value === '' || /[",\r\n]/.test(value ?? '') ? `"${value!.replaceAll('"', '""')}"` : (value ?? ''))).join(',')}\n`;
}

/** The client library wraps integers, decimals, bytes, dates and times in classes of its own. */
function unwrap(value: unknown): unknown {
  if (value === null || value === undefined) return null;
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(unwrap);
  if (Buffer.isBuffer(value)) return value.toString('base64');
  if (value instanceof Number) return rawJson((value as unknown as { value: string }).value);
  if ('toFixed' in value) return rawJson((value as { toFixed(): string }).toFixed());
  if (Object.getPrototypeOf(value) === Object.prototype) {
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, unwrap(item)]));
  }
  return 'value' in value ? value.value : String(value);
}

/** The TypeScript library does not declare JSON.rawJSON (ES2026) yet. */
const { rawJSON: rawJson } = JSON as unknown as { rawJSON(text: string): object };
