// A small but difficult delta: how values are typed, which version of a row wins, and how text that does not cast is reported.
import { deltaStatement } from '../../app/bigquery/sql/delta-statement.ts';
import type { Column, FieldColumn } from '../../app/core/fields/columns.ts';
import { deltaOf, textColumns } from './app-statements.ts';
import type { FilledTable } from './google-sql.ts';
import { filled, type Schema, tableOf } from './schemas.ts';

const plain: readonly Column[] = [
  { name: 'Id', type: 'STRING' },
  { name: 'IsDeleted', type: 'BOOL' },
  { name: 'SystemModstamp', type: 'TIMESTAMP' },
  { name: 'Name', type: 'STRING' },
  { name: 'Active__c', type: 'BOOL' },
  { name: 'Order', type: 'INT64' },
  { name: 'Score__c', type: 'FLOAT64' },
  { name: 'Amount', type: 'NUMERIC' },
  { name: 'Exact__c', type: 'BIGNUMERIC' },
  { name: 'CloseDate', type: 'DATE' },
];

const columns: readonly FieldColumn[] = [...plain.map(filled), { field: 'Opens__c', name: 'Opens__c_time', type: 'TIME' }];

const [BULK, REST] = ['2024-03-10T12:34:56.000Z', '2024-03-10T12:34:56.000+0000'];
const LATER = '2024-03-10T12:34:57.000Z';
const good = ['Zoë', 'true', '12.0', '1.2345678E7', '1.10', '-0.5', '2024-02-29', '08:00:00.000Z'];
const bad = ['\0', '1', '12.5', '1,5', '1e30', 'x', '2023-02-29', '08:00:00'];
const none = Array.from(good, () => '');

const slices: readonly (readonly (string | null)[])[][] = [
  [
    ['001-good', 'false', BULK, ...good],
    ['002-bad', 'false', BULK, ...bad],
    ['003-none', 'false', BULK, ...none],
    ['004-null', ...Array.from({ length: columns.length - 1 }, () => null)],
    ['005-deleted', 'true', LATER, ...good],
    ['006-newer-in-the-later-slice', 'false', BULK, ...bad],
    ['007-newer-in-the-first-slice', 'true', LATER, ...good],
    ['008-tie', 'false', BULK, ...bad],
    ['009-without-stamp', 'true', '', ...good],
    ['010-stamp-that-does-not-cast', 'yes', '2024-03-10', ...good],
    ['', 'false', BULK, ...none],
  ],
  [
    ['006-newer-in-the-later-slice', 'false', LATER, ...good],
    ['007-newer-in-the-first-slice', 'false', BULK, ...bad],
    ['008-tie', 'true', REST, ...good],
    ['009-without-stamp', 'false', BULK, ...none],
    ['001-GOOD', 'false', BULK, ...good],
  ],
];

const schema: Schema = {
  columns,
  cursorField: 'SystemModstamp',
  slices: slices.map((_, order) => ({ order, fieldGroup: 0, table: tableOf(`staging_of_the_case_${order}`) })),
};

/** The statement that creates the delta table of the case. */
export const caseStatement = deltaStatement(deltaOf(schema));

export const caseTables: readonly FilledTable[] = schema.slices.map(({ table }, index) => ({
  name: `${table.project}.${table.dataset}.${table.table}`,
  columns: textColumns(schema),
  rows: slices[index]!,
}));

const SHOWN = ['_slice', ...columns.map(({ name }) => name), '_invalid', '_run', '_deleted_at', '_deleted_reason'];

/** A query over the delta table, or over the query that fills it: every column as text, except the run's time. */
export const caseQuery = (delta: string): string =>
  `SELECT ${SHOWN.map((name) => `CAST(\`${name}\` AS STRING) AS \`${name}\``).join(', ')} FROM ${delta}`;

/** The SELECT of the statement: the evaluator cannot create tables. */
export const caseSelection = `(\n${caseStatement.slice(caseStatement.indexOf('\nAS\n') + 4)}\n)`;

export type DeltaRows = Record<string, Record<string, string | null>>;

/** Groups rows by Id. */
export const byId = (rows: readonly (readonly (string | null)[])[]): DeltaRows =>
  Object.fromEntries(
    rows.map((row) => [String(row[1]), Object.fromEntries(SHOWN.map((name, index) => [name, row[index] ?? null]))]).sort(),
  );
