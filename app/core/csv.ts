/** One CSV record in Bulk API 2.0's format: every value quoted, quotes doubled, null as an empty string, LF at the end. */
export function csvLine(values: readonly (string | null)[]): string {
  return `${values.map((value) => `"${(value ?? '').replaceAll('"', '""')}"`).join(',')}\n`;
}

/** CSV records, without a header line. */
export function csvLines(rows: readonly (readonly (string | null)[])[]): Buffer {
  return Buffer.from(rows.map(csvLine).join(''));
}
