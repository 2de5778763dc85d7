import { CASTS } from '../../app/bigquery/sql.ts';

const X = '`x`';

/** How the app casts each type. */
const OURS = Object.entries(CASTS).map(([type, cast]) => [type, cast(X)]);

/** What an analyst would write, and the app does not: the emulator answers these too. */
const PLAIN = ['INT64', 'DATE', 'DATETIME', 'TIME', 'TIMESTAMP'].map((type) => [`plain ${type}`, `SAFE_CAST(${X} AS ${type})`]);

/** Name → GoogleSQL expression over the STRING column `x`. */
export const castExpressions: Readonly<Record<string, string>> = Object.fromEntries([...OURS, ...PLAIN]);

/** A query of the table `table` of columns n and x, both STRING: n, and each expression's value as text, in their order. */
export function castQuery(table: string): string {
  const texts = Object.values(castExpressions).map((expression, index) => `CAST(${expression} AS STRING) AS \`c${index}\``);
  return `SELECT \`n\`, ${texts.join(', ')} FROM \`${table}\``;
}
