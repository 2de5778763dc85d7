import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { countStatement } from '../../../app/bigquery/sql/count-statement.ts';
import { deltaStatement } from '../../../app/bigquery/sql/delta-statement.ts';
import { mergeStatement } from '../../../app/bigquery/sql/merge-statement.ts';
import { SYSTEM_COLUMNS } from '../../../app/bigquery/sql/table-statements.ts';
import type { FieldColumn } from '../../../app/core/fields/columns.ts';
import { type RowFacts, RowFactsCounter } from '../../../app/core/fields/row-facts.ts';
import type { Deletes } from '../../../app/core/jobs/deletes.ts';
import { bigQueryWith } from '../../support/bigquery.ts';
import { rowsOf } from '../local/emulators/bigquery/client.ts';

const { emulator, client } = await bigQueryWith('d');

const name = (table: string) => ({ project: 'local', dataset: 'd', table });
const END = new Date('2023-03-20T00:00:00Z');
const columns: FieldColumn[] = Object.entries({
  Id: 'STRING',
  IsDeleted: 'BOOL',
  CreatedDate: 'TIMESTAMP',
  SystemModstamp: 'TIMESTAMP',
  Text: 'STRING',
  Whole: 'INT64',
  Double: 'FLOAT64',
  Amount: 'NUMERIC',
  Large: 'BIGNUMERIC',
  Day: 'DATE',
  Time: 'TIME',
}).map(([field, type]) => ({ field, name: field, type: type as FieldColumn['type'] }));

type Row = (string | null)[];

const of = (...texts: (string | null)[]): fc.Arbitrary<string | null> => fc.constantFrom(...texts);
const stamp = of('2023-03-19T23:59:59.999+0000', '2023-03-20T00:00:00.000Z', '2022-12-31T12:00:00.000+0000');

/** Values as Salesforce writes them. */
const wellFormed = fc.tuple(
  of('001A', '001B', '001a', '001b', '001c'),
  of('true', 'false'),
  of('2022-12-31T23:59:59.000+0000', '2023-01-01T00:00:00.000Z', '2023-03-15T12:00:00.000+0000'),
  stamp,
  of(null, 'NA', 'a "b"', 'é\n,', ' '),
  of(null, '', '0', '-7', '123456789012345678'),
  of(null, '1.5', '-0.0', '1.0E7', '1.0E-4', '1E22'),
  of(null, '12', '0.000000001', '-99999999999.5', '1.2345E2'),
  of(null, '12345678901234567890', '0.000000000000000001'),
  of(null, '2024-02-29', '0001-01-01', '9999-12-31'),
  of(null, '00:00:00.000Z', '23:59:59.999Z'),
);

/** Values that the warehouse cannot store as they are, or rows that it cannot match, now and then. */
const malformed = fc.tuple(
  fc.nat(columns.length - 1),
  of('', null, 'x', '12.7', '0.0000000005', '2023-02-29', '24:00:00Z', '1e400', '001a'),
);
const row = fc
  .tuple(wellFormed, fc.oneof({ weight: 12, arbitrary: fc.constant(undefined) }, malformed))
  .map(([values, fault]): Row => values.map((value, at) => (at === fault?.[0] ? fault[1] : value)));
const rows = fc.array(row, { minLength: 1, maxLength: 5 });

function factsOf(read: readonly Row[]): RowFacts | undefined {
  const counter = new RowFactsCounter({ generation: 1, columns, cursorField: 'SystemModstamp', cursorTo: END });
  for (const row of read) counter.add(row);
  return counter.facts();
}

async function stage(table: string, read: readonly Row[]): Promise<void> {
  const literal = (value: string | null): string => (value === null ? "''" : `'${value.replaceAll('\n', '\\n')}'`);
  const selects = read.map((row) => `SELECT ${row.map((value, at) => `${literal(value)} AS ${columns[at]!.name}`).join(', ')}`);
  await rowsOf(emulator, `CREATE OR REPLACE TABLE d.${table} AS ${selects.join(' UNION ALL ')}`);
}

async function makeTargets(): Promise<void> {
  const fields = [...columns, ...SYSTEM_COLUMNS].map((column) => `${column.name} ${column.type}`).join(', ');
  for (const target of ['long_way', 'short_way']) {
    await rowsOf(emulator, `DROP TABLE IF EXISTS d.${target}`);
    await rowsOf(emulator, `CREATE TABLE d.${target} (${fields}) CLUSTER BY Id`);
  }
}

const staged = (table: string) => ({
  slices: [{ order: 0, table: name(table), fieldGroup: 0, countBefore: END }],
  columns,
  cursorField: 'SystemModstamp',
  windowTo: END,
  partitionField: 'CreatedDate',
  runId: 'run',
});

const base = { columns, orphaned: [], emptied: [], cursorField: 'SystemModstamp', insertOnly: false, partitionField: 'CreatedDate' };

/** Types and counts the rows of a staging table in BigQuery. */
async function countByBigQuery(table: string): Promise<{ isExact: boolean; counted: object }> {
  const statement = { ...staged(table), delta: name('delta'), expiresAt: new Date('2099-01-01T00:00:00Z') };
  await rowsOf(emulator, deltaStatement(statement));
  const [[counts]] = (await client.query(countStatement(statement))) as [Record<string, number | string | null>[], ...unknown[]];
  const { staged_ids, delta_rows, unusable, deleted_rows, first_id, last_id, months, ids_0, repeated_0, before_0, ...invalid } = counts!;
  return {
    isExact: unusable === 0 && ids_0 === staged_ids && repeated_0 === null && Object.values(invalid).every((values) => values === 0),
    counted: {
      rows: delta_rows,
      firstId: first_id,
      lastId: last_id,
      months: String(months).split(',').sort(),
      deletedRows: deleted_rows,
      rowsBeforeEnd: before_0,
    },
  };
}

const table = (target: string): Promise<unknown[][]> => rowsOf(emulator, `SELECT * EXCEPT (_synced_at) FROM d.${target} ORDER BY Id`);

test.each(['keep', 'blank', 'remove'] as const)(
  'with deletes=%s, staged rows are merged as a delta table of them would be',
  async (deletes: Deletes) => {
    let merged = 0;
    const property = fc.asyncProperty(fc.array(rows, { minLength: 1, maxLength: 3 }), async (windows) => {
      await makeTargets();
      for (const read of windows) {
        await stage('staging', read);
        const facts = factsOf(read);
        // Without months, a partitioned table is not merged into.
        if (!facts?.months) continue;
        const { generation: _generation, checked: _checked, ...counted } = facts;
        expect(await countByBigQuery('staging')).toEqual({ isExact: true, counted });
        const merge = { ...base, deletes, firstId: facts.firstId, lastId: facts.lastId, months: undefined };
        await rowsOf(emulator, mergeStatement({ ...merge, target: name('long_way'), delta: name('delta') }));
        await rowsOf(emulator, mergeStatement({ ...merge, target: name('short_way'), delta: staged('staging') }));
        merged++;
        expect(await table('short_way')).toEqual(await table('long_way'));
      }
    });
    await fc.assert(property, { numRuns: 15 });
    expect(merged).toBeGreaterThan(0);
  },
);
