import { CASTS, columnValue } from '../../app/bigquery/sql/casts.ts';
import type { ColumnType } from '../../app/core/fields/columns.ts';

const X = '`x`';

/** How the app casts each type. */
const OURS = Object.entries(CASTS).map(([type, cast]) => [type, cast(X)]);

/** How the app hashes a text of each type. */
const HASHES = (Object.keys(CASTS) as ColumnType[]).map((type) => [
  `hash of ${type}`,
  columnValue({ type: 'STRING', hashed: type }, X).replaceAll('@salt', "'a salt'"),
]);

/** Casts that an analyst would write but the app does not. The emulator supports them too. */
const PLAIN = ['INT64', 'DATE', 'DATETIME', 'TIME', 'TIMESTAMP'].map((type) => [`plain ${type}`, `SAFE_CAST(${X} AS ${type})`]);

/** GoogleSQL expressions over the STRING column `x`, by name. */
export const castExpressions: Readonly<Record<string, string>> = Object.fromEntries([...OURS, ...HASHES, ...PLAIN]);

/** A query over `table`, which has the STRING columns n and x. It selects n, and the value of each expression as text, in order. */
export function castQuery(table: string): string {
  const texts = Object.values(castExpressions).map((expression, index) => `CAST(${expression} AS STRING) AS \`c${index}\``);
  return `SELECT \`n\`, ${texts.join(', ')} FROM \`${table}\``;
}
