import { expect, test } from '@jest/globals';
import { refreshStatement } from '../../../app/bigquery/sql/refresh-statement.ts';
import { SYSTEM_COLUMNS } from '../../../app/bigquery/sql/table-statements.ts';
import type { Deletes } from '../../../app/core/jobs/deletes.ts';
import { bigQueryWith } from '../../support/bigquery.ts';

const { client } = await bigQueryWith('d');
const query = async (sql: string) => (await client.query(sql))[0] as Record<string, unknown>[];

const table = (name: string) => ({ project: 'local', dataset: 'd', table: name });
const columns = [
  { name: 'Score__c', type: 'FLOAT64' as const },
  { name: 'Code__c', type: 'STRING' as const },
];

/** A row of either table; its stamps are days of March, its time of sync an hour of April 1st. */
interface Row {
  id: string;
  name?: string;
  score?: string;
  code?: string | null;
  stamp?: number | null;
  syncedAt?: number | null;
  deleted?: boolean;
}

const text = (value: string | null | undefined): string => (value == null ? 'CAST(NULL AS STRING)' : `'${value}'`);
const instant = (value: string | null): string => `CAST(${value === null ? 'NULL' : `'${value}'`} AS TIMESTAMP)`;

function select({ id, name, score = 'NULL', code = null, stamp = 5, syncedAt = 1, deleted = false }: Row, extra: string): string {
  const stamped = stamp === null ? null : `2023-03-0${stamp} 00:00:00+00`;
  return `SELECT '${id}' AS Id, ${text(name)} AS Name, CAST(${score} AS FLOAT64) AS Score__c, ${text(code)} AS Code__c,
    ${instant(stamped)} AS SystemModstamp, ${instant(syncedAt === null ? null : `2023-04-01 0${syncedAt}:00:00+00`)} AS _synced_at,
    ${instant(deleted ? '2023-03-01 00:00:00+00' : null)} AS _deleted_at, ${extra}`;
}

/** Refreshes a table from rows whose slice was requested at 5 o'clock. @returns the rows that it changed, and the table */
async function refresh(target: Row[], delta: Row[], deletes: Deletes = 'keep'): Promise<{ changed: string[]; rows: Map<string, object> }> {
  const types = [
    { name: 'Id', type: 'STRING' },
    { name: 'Name', type: 'STRING' },
    ...columns,
    { name: 'SystemModstamp', type: 'TIMESTAMP' },
  ];
  await query('DROP TABLE IF EXISTS d.target');
  await query(`CREATE TABLE d.target (${[...types, ...SYSTEM_COLUMNS].map(({ name, type }) => `${name} ${type}`).join(', ')})`);
  const names = [...types.map(({ name }) => name), '_synced_at', '_deleted_at', '_run'];
  const inserted = target.map((row) => select(row, "'before' AS _run")).join(' UNION ALL ');
  await query(`INSERT INTO d.target (${names.join(', ')}) SELECT * FROM (${inserted}) AS inserted`);
  const source = delta.map((row) => select(row, "'sweep' AS _run, 0 AS _slice")).join(' UNION ALL ');
  await query(`CREATE OR REPLACE TABLE d.delta AS ${source}`);
  const ids = delta.map(({ id }) => id).sort();
  const sql = refreshStatement({
    target: table('target'),
    delta: table('delta'),
    columns,
    cursorField: 'SystemModstamp',
    requestedAt: [new Date('2023-04-01T05:00:00Z')],
    deletes,
    firstId: ids[0]!,
    lastId: ids.at(-1)!,
    months: undefined,
    partitionField: 'CreatedDate',
  });
  await query(sql);
  const rows = await query('SELECT * FROM d.target ORDER BY Id');
  return {
    changed: rows.filter(({ _run }) => _run === 'sweep').map(({ Id }) => String(Id)),
    rows: new Map(rows.map((row) => [String(row.Id), row])),
  };
}

test('updates only the rows and columns that differ, and when they were synced', async () => {
  const nan = "'NaN'";
  const { changed, rows } = await refresh(
    [
      { id: '1', name: 'kept', score: '1', code: 'EUR' },
      { id: '2', score: '1', code: null },
      { id: '3', score: '1', code: 'EUR' },
      { id: '4', score: nan, code: null },
      { id: '5', score: nan, code: null },
      { id: '6', code: 'EUR' },
    ],
    [
      { id: '1', name: 'not read', score: '2', code: 'EUR' },
      { id: '2', score: '1', code: 'EUR' },
      { id: '3', score: '1', code: 'EUR' },
      { id: '4', score: nan, code: null },
      { id: '5', score: '1', code: null },
      { id: '6', code: null },
      { id: '7', score: '1', code: 'not in the table' },
    ],
  );
  expect(changed).toEqual(['1', '2', '5', '6']);
  expect(rows.get('1')).toMatchObject({ Name: 'kept', Score__c: 2, Code__c: 'EUR' });
  expect(rows.get('2')).toMatchObject({ Score__c: 1, Code__c: 'EUR' });
  expect(rows.get('6')).toMatchObject({ Code__c: null });
  const synced = await query("SELECT Id FROM d.target WHERE _synced_at > TIMESTAMP '2024-01-01 00:00:00+00' ORDER BY Id");
  expect(synced).toEqual(changed.map((Id) => ({ Id })));
});

test('leaves rows that are newer than the slice, and never changes the cursor', async () => {
  const source = { score: '2', stamp: 5 };
  const { changed, rows } = await refresh(
    [
      { id: '1', stamp: 6 },
      { id: '2', stamp: 5, syncedAt: 5 },
      { id: '3', stamp: 5, syncedAt: 4 },
      { id: '4', stamp: 4, syncedAt: 6 },
      { id: '5', stamp: null, syncedAt: 6 },
      { id: '6', stamp: 5, syncedAt: null },
      { id: '7', stamp: 4 },
    ],
    [...['1', '2', '3', '4', '5', '6'].map((id) => ({ id, ...source })), { id: '7', score: '2', stamp: null }],
  );
  expect(changed).toEqual(['3', '4', '5', '6']);
  const stamps = await query("SELECT Id, FORMAT_TIMESTAMP('%d', SystemModstamp) AS day FROM d.target ORDER BY Id");
  expect(stamps).toEqual(['06', '05', '05', '04', null, '05', '04'].map((day, index) => ({ Id: String(index + 1), day })));
  expect(rows.get('4')).toMatchObject({ Score__c: 2 });
});

test.each([
  ['keep', ['1', '4']],
  // Their values were erased.
  ['blank', ['1']],
  ['remove', ['1']],
] as const)('with deletes=%s, leaves rows that are deleted on one side only to a reimport', async (deletes, expected) => {
  const states = [
    ['1', false, false],
    ['2', false, true],
    ['3', true, false],
    ['4', true, true],
  ] as const;
  const { changed } = await refresh(
    states.map(([id, deleted]) => ({ id, deleted })),
    states.map(([id, , deleted]) => ({ id, deleted, score: '2' })),
    deletes,
  );
  expect(changed).toEqual(expected);
});

test('updates rows that have no cursor in Salesforce either', async () => {
  expect((await refresh([{ id: '1', stamp: null }], [{ id: '1', stamp: null, score: '2' }])).changed).toEqual(['1']);
});
