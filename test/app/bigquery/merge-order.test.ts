import type { BigQuery } from '@google-cloud/bigquery';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { mergeStatement, OWN_COLUMNS } from '../../../app/bigquery/sql.ts';
import { type BigQuerySandbox, startBigQuery } from '../../../app/sandbox/bigquery/bigquery.ts';
import { clientOf, rowsOf } from '../sandbox/bigquery/client.ts';

let sandbox: BigQuerySandbox;
let client: BigQuery;
beforeAll(async () => {
  sandbox = await startBigQuery();
  client = clientOf(sandbox);
  await client.createDataset('d');
});
afterAll(() => sandbox.close());

const name = (table: string) => ({ project: 'sandbox', dataset: 'd', table });
const columns = [
  { name: 'Id', type: 'STRING' as const },
  { name: 'IsDeleted', type: 'BOOL' as const },
  { name: 'Text', type: 'STRING' as const },
  { name: 'SystemModstamp', type: 'TIMESTAMP' as const },
];

/** What a record was at a stamp: the same, whenever it is read. */
interface Version {
  id: string;
  stamp: number;
}
const deltas = fc.array(
  fc.uniqueArray(fc.record({ id: fc.constantFrom('001A', '001B', '001a', '001b'), stamp: fc.nat(6) }), {
    selector: ({ id }) => id,
    minLength: 1,
  }),
  { minLength: 1, maxLength: 5 },
);

async function makeDelta(table: string, versions: readonly Version[]): Promise<void> {
  const rows = versions.map(
    ({ id, stamp }) =>
      `SELECT '${id}' AS Id, ${stamp % 3 === 0} AS IsDeleted, 'text ${stamp}' AS Text, TIMESTAMP '2023-03-0${stamp + 1} 00:00:00+00' AS SystemModstamp,
       CURRENT_TIMESTAMP() AS _synced_at, 'run' AS _run, CAST(NULL AS TIMESTAMP) AS _deleted_at`,
  );
  await rowsOf(sandbox, `CREATE OR REPLACE TABLE d.${table} AS ${rows.join(' UNION ALL ')}`);
}

test.each(['keep', 'blank'] as const)(
  'with deletes=%s, deltas merged in any order, and again, leave the newest version of each record',
  async (deletes) => {
    await fc.assert(
      fc.asyncProperty(deltas, fc.array(fc.nat(4), { maxLength: 6 }), async (read, again) => {
        const fields = [...columns, ...OWN_COLUMNS].map(({ name, type }) => `${name} ${type}`);
        await rowsOf(sandbox, `CREATE OR REPLACE TABLE d.target (${fields.join(', ')})`);
        for (const [index, versions] of read.entries()) await makeDelta(`delta_${index}`, versions);
        const order = [...again.filter((index) => index < read.length), ...read.keys()];
        for (const index of order) {
          await rowsOf(
            sandbox,
            mergeStatement({
              target: name('target'),
              delta: name(`delta_${index}`),
              columns,
              unasked: [],
              cursorField: 'SystemModstamp',
              insertOnly: false,
              deletes,
              firstId: '001A',
              lastId: '001b',
              months: undefined,
              partitionField: 'CreatedDate',
            }),
          );
        }
        const newest = new Map<string, number>();
        for (const { id, stamp } of read.flat()) newest.set(id, Math.max(stamp, newest.get(id) ?? 0));
        const found = await rowsOf(sandbox, 'SELECT Id, Text FROM d.target');
        const text = (stamp: number) => (deletes === 'blank' && stamp % 3 === 0 ? null : `text ${stamp}`);
        expect(found).toHaveLength(newest.size);
        expect(new Map(found as [string, string | null][])).toEqual(new Map([...newest].map(([id, stamp]) => [id, text(stamp)])));
      }),
      { numRuns: 15 },
    );
  },
);
