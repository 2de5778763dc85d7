/** One CSV record as Bulk API 2.0 writes it: every value in quotes, quotes doubled, null as an empty text, LF at the end. */
export function csvLine(values: readonly (string | null)[]): string {
  return `${values.map((value) => `"${(value ?? '').replaceAll('"', '""')}"`).join(',')}\n`;
}
