import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { swapCountStatement, swapStatement } from '../../../app/bigquery/sql/swap-statements.ts';
import type { Deletes } from '../../../app/core/jobs/deletes.ts';
import { bigQueryWith } from '../../support/bigquery.ts';
import { rowsOf } from '../local/emulators/bigquery/client.ts';

const { emulator } = await bigQueryWith('d');

const name = (table: string) => ({ project: 'local', dataset: 'd', table });
const columns = [
  { name: 'Id', type: 'STRING' as const },
  { name: 'IsDeleted', type: 'BOOL' as const },
  { name: 'Text', type: 'STRING' as const },
];
const OWN = 'CURRENT_TIMESTAMP() AS _synced_at';

/** A record at a timestamp. */
interface Version {
  id: string;
  stamp: number;
}
const versions = fc.uniqueArray(fc.record({ id: fc.constantFrom('a', 'b', 'c', 'd'), stamp: fc.nat(4) }), {
  selector: ({ id }) => id,
  minLength: 1,
});
const deltas = fc.array(versions, { minLength: 1, maxLength: 3 });
const before = fc.array(fc.constantFrom<string[]>('a', 'b', 'c', 'x', 'y'), { minLength: 1, maxLength: 5 });

const isDeleted = (stamp: number): boolean => stamp % 3 === 0;

/** Every delta table tells its rows apart by their text. */
const textOf = (stamp: number, batch: number): string => `${stamp} of ${batch}`;

async function createDelta(batch: number, rows: readonly Version[]): Promise<void> {
  const selected = rows.map(({ id, stamp }) => {
    const at = `TIMESTAMP '2023-04-0${stamp + 1} 00:00:00+00'`;
    const [deletedAt, reason] = isDeleted(stamp) ? [at, `'recycle_bin'`] : ['CAST(NULL AS TIMESTAMP)', 'CAST(NULL AS STRING)'];
    return `SELECT ${batch} AS _slice, '${id}' AS Id, ${isDeleted(stamp)} AS IsDeleted, '${textOf(stamp, batch)}' AS Text,
      ${at} AS SystemModstamp, ${OWN}, 'new' AS _run, ${deletedAt} AS _deleted_at, ${reason} AS _deleted_reason`;
  });
  await rowsOf(emulator, `CREATE OR REPLACE TABLE d.delta_${batch} AS ${selected.join(' UNION ALL ')}`);
}

/** The target table, with a column that no field fills; an Id may be there twice. */
async function createTarget(ids: readonly string[]): Promise<void> {
  const selected = ids.map(
    (id, row) => `SELECT 'old' AS Text, 'mine ${id}' AS Mine, '${id}' AS Id, FALSE AS IsDeleted,
      TIMESTAMP '2023-03-01 00:00:00+00' AS SystemModstamp, TIMESTAMP '2023-03-01 00:00:0${row}+00' AS _synced_at, 'old' AS _run,
      CAST(NULL AS TIMESTAMP) AS _deleted_at, CAST(NULL AS STRING) AS _deleted_reason`,
  );
  await rowsOf(emulator, `CREATE OR REPLACE TABLE d.target AS ${selected.join(' UNION ALL ')}`);
}

const TARGET_COLUMNS = ['Text', 'Mine', 'Id', 'IsDeleted', 'SystemModstamp', '_synced_at', '_run', '_deleted_at', '_deleted_reason'];

test.each(['keep', 'blank', 'remove'] as const)(
  'the newest row of each Id replaces the table, with deletes=%s and the values of other columns',
  async (deletes: Deletes) => {
    await fc.assert(
      fc.asyncProperty(deltas, before, fc.boolean(), fc.boolean(), async (read, ids, hasCursor, isEmptied) => {
        await createTarget(ids);
        for (const [batch, rows] of read.entries()) await createDelta(batch, rows);
        const swap = {
          target: name('target'),
          targetColumns: TARGET_COLUMNS,
          deltas: read.map((_, batch) => name(`delta_${batch}`)),
          columns: [...columns, { name: 'SystemModstamp', type: 'TIMESTAMP' as const }],
          emptied: isEmptied ? [{ name: 'Mine', type: 'STRING' }] : [],
          cursorField: hasCursor ? 'SystemModstamp' : null,
          deletes,
          partitionField: undefined,
        };
        const newest = new Map<string, { stamp: number; batch: number }>();
        for (const [batch, rows] of read.entries()) {
          for (const { id, stamp } of rows) if (!hasCursor || stamp >= (newest.get(id)?.stamp ?? 0)) newest.set(id, { stamp, batch });
        }
        const kept = (id: string): string | null => (ids.includes(id) && !isEmptied ? `mine ${id}` : null);
        const expected = [...newest].flatMap(([id, { stamp, batch }]) => {
          if (!isDeleted(stamp)) return [[id, textOf(stamp, batch), kept(id)]];
          if (deletes === 'remove') return [];
          if (deletes === 'blank') return [[id, null, null]];
          return [[id, textOf(stamp, batch), kept(id)]];
        });
        const rows = await rowsOf(emulator, swapStatement(swap));
        const at = (column: string) => TARGET_COLUMNS.indexOf(column);
        const found = rows.map((row) => [row[at('Id')], row[at('Text')], row[at('Mine')]]);
        expect(found.sort()).toEqual(expected.sort());

        const missing = new Set(ids.filter((id) => !newest.has(id)));
        const deleted = [...newest.values()].filter(({ stamp }) => isDeleted(stamp)).length;
        const counts = (await rowsOf(emulator, swapCountStatement(swap)))[0]!.map(Number);
        expect(counts).toEqual([newest.size, deleted, ids.length, new Set(ids).size, missing.size]);
      }),
      { numRuns: 12 },
    );
  },
);

test('without any row, the table becomes empty, and all its rows are missing', async () => {
  await createTarget(['a', 'b']);
  const swap = {
    target: name('target'),
    targetColumns: TARGET_COLUMNS,
    deltas: [],
    columns,
    emptied: [],
    cursorField: null,
    deletes: 'keep' as const,
  };
  expect(await rowsOf(emulator, swapStatement({ ...swap, partitionField: undefined }))).toEqual([]);
  const counts = await rowsOf(emulator, swapCountStatement({ ...swap, partitionField: undefined }));
  expect(counts[0]!.map(Number)).toEqual([0, 0, 2, 2, 2]);
});
