import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { mergeStatement } from '../../../app/bigquery/sql/merge-statement.ts';
import { SYSTEM_COLUMNS } from '../../../app/bigquery/sql/table-statements.ts';
import type { Deletes } from '../../../app/core/jobs/deletes.ts';
import { bigQueryWith } from '../../support/bigquery.ts';
import { rowsOf } from '../local/emulators/bigquery/client.ts';

const { emulator } = await bigQueryWith('d');

const name = (table: string) => ({ project: 'local', dataset: 'd', table });
const columns = [
  { name: 'Id', type: 'STRING' as const },
  { name: 'IsDeleted', type: 'BOOL' as const },
  { name: 'Text', type: 'STRING' as const },
  { name: 'CreatedDate', type: 'TIMESTAMP' as const },
  { name: 'SystemModstamp', type: 'TIMESTAMP' as const },
];

/** When each record was created, which never changes: at the ends of months, across a year boundary. */
const CREATED: Record<string, string> = {
  '001A': '2022-12-31 23:59:59',
  '001B': '2023-01-01 00:00:00',
  '001a': '2023-01-31 23:59:59',
  '001b': '2023-03-15 12:00:00',
};

/** A record at a timestamp: the same whenever it is read. */
interface Version {
  id: string;
  stamp: number;
}
const deltas = fc.array(
  fc.uniqueArray(fc.record({ id: fc.constantFrom(...Object.keys(CREATED)), stamp: fc.nat(6) }), {
    selector: ({ id }) => id,
    minLength: 1,
  }),
  { minLength: 1, maxLength: 4 },
);

const isDeleted = (stamp: number): boolean => stamp % 3 === 0;

/** Sorts each record's versions, so that later reads are never older. */
function inOrder(read: readonly Version[][]): Version[][] {
  const left = Map.groupBy(read.flat(), ({ id }) => id);
  for (const versions of left.values()) versions.sort((one, other) => one.stamp - other.stamp);
  return read.map((versions) => versions.map(({ id }) => left.get(id)!.shift()!));
}

async function makeTarget(partitioned: boolean): Promise<void> {
  const fields = [...columns, ...SYSTEM_COLUMNS].map(({ name, type }) => `${name} ${type}`).join(', ');
  const partition = partitioned ? 'PARTITION BY TIMESTAMP_TRUNC(CreatedDate, MONTH)' : '';
  await rowsOf(emulator, 'DROP TABLE IF EXISTS d.target');
  await rowsOf(emulator, `CREATE TABLE d.target (${fields}) ${partition} CLUSTER BY Id`);
}

async function makeDelta(table: string, versions: readonly Version[]): Promise<void> {
  const rows = versions.map(
    ({ id, stamp }) =>
      `SELECT '${id}' AS Id, ${isDeleted(stamp)} AS IsDeleted, 'text ${stamp}' AS Text, TIMESTAMP '${CREATED[id]}+00' AS CreatedDate,
       TIMESTAMP '2023-04-0${stamp + 1} 00:00:00+00' AS SystemModstamp,
       CURRENT_TIMESTAMP() AS _synced_at, 'run' AS _run, CAST(NULL AS TIMESTAMP) AS _deleted_at, CAST(NULL AS STRING) AS _deleted_reason`,
  );
  await rowsOf(emulator, `CREATE OR REPLACE TABLE d.${table} AS ${rows.join(' UNION ALL ')}`);
}

/** Merges a delta table, bounded by the Ids and months of its rows. */
async function merge(table: string, versions: readonly Version[], deletes: Deletes, partitioned: boolean): Promise<void> {
  const ids = versions.map(({ id }) => id).sort();
  const statement = mergeStatement({
    target: name('target'),
    delta: name(table),
    columns,
    orphaned: [],
    emptied: [],
    cursorField: 'SystemModstamp',
    insertOnly: false,
    deletes,
    firstId: ids[0]!,
    lastId: ids.at(-1)!,
    months: partitioned ? [...new Set(ids.map((id) => CREATED[id]!.slice(0, 7)))] : undefined,
    partitionField: 'CreatedDate',
  });
  await rowsOf(emulator, statement);
}

/** The text that remains of a record's newest version; undefined: the row is removed. */
function textOf(stamp: number, deletes: Deletes): string | null | undefined {
  if (deletes === 'keep' || !isDeleted(stamp)) return `text ${stamp}`;
  return deletes === 'blank' ? null : undefined;
}

test.each([
  ['keep', 'in any order and repeatedly'],
  // No row records that a removed version was newer, so the service must merge in order, one MERGE at a time.
  ['remove', 'in order'],
  ['blank', 'in any order and repeatedly'],
] as const)('with deletes=%s, deltas merged %s leave the newest version of each record', async (deletes, _order) => {
  const some = fc.array(fc.nat(3), { maxLength: 3 });
  const property = fc.asyncProperty(deltas, some, some, fc.boolean(), async (drawn, first, again, partitioned) => {
    const read = deletes === 'remove' ? inOrder(drawn) : drawn;
    const mergeAll = async (indexes: Iterable<number>): Promise<void> => {
      for (const index of indexes) if (read[index]) await merge(`delta_${index}`, read[index], deletes, partitioned);
    };
    await makeTarget(partitioned);
    for (const [index, versions] of read.entries()) await makeDelta(`delta_${index}`, versions);
    await mergeAll(first);
    await mergeAll(read.keys());

    const newest = new Map<string, number>();
    for (const { id, stamp } of read.flat()) newest.set(id, Math.max(stamp, newest.get(id) ?? 0));
    const left = [...newest].map(([id, stamp]) => [id, textOf(stamp, deletes)]).filter(([, text]) => text !== undefined);
    const found = async (): Promise<unknown[][]> => (await rowsOf(emulator, 'SELECT Id, Text FROM d.target')).sort();
    expect(await found()).toEqual(left.sort());
    await mergeAll(again);
    expect((await found()).filter(([id]) => left.some(([kept]) => kept === id))).toEqual(left);
  });
  await fc.assert(property, { numRuns: 8 });
});
