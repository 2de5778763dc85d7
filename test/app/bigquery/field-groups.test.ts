import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { countStatement } from '../../../app/bigquery/sql/count-statement.ts';
import { type DeltaStatement, deltaStatement, type StagedSlice } from '../../../app/bigquery/sql/delta-statement.ts';
import type { FieldColumn } from '../../../app/core/fields/columns.ts';
import { fieldsInGroup, groupsOf, isJoinedByCursor } from '../../../app/core/fields/field-groups.ts';
import { bigQueryWith } from '../../support/bigquery.ts';
import { rowsOf } from '../local/emulators/bigquery/client.ts';

/** A delta table that is built of field groups. */
const { emulator } = await bigQueryWith('d');

const CURSOR = 'SystemModstamp';
const name = (table: string) => ({ project: 'local', dataset: 'd', table });

/** A record as a slice read it. */
interface Reading {
  id: string;
  /** second of its cursor; null: no cursor */
  second: number | null;
}
type Slices = readonly (readonly Reading[])[];

const cursorText = (second: number | null, api: 'bulk' | 'rest'): string =>
  second === null ? '' : `2023-03-01T00:00:0${second}.000${api === 'bulk' ? 'Z' : '+0000'}`;

/** The text of a field: the same for the same version of the record. */
const textOf = (field: string, { id, second }: Reading, api: 'bulk' | 'rest'): string =>
  field === 'Id' ? id : field === CURSOR ? cursorText(second, api) : `${field} of ${id} at ${second}`;

/** Stages each group's slices and builds the delta table. @returns its rows without the columns that differ for each run, and its counts */
async function buildDelta(
  columns: readonly FieldColumn[],
  groups: ReadonlyMap<number, Slices>,
): Promise<{ rows: unknown[][]; counts: Record<string, unknown> }> {
  const slices: StagedSlice[] = [];
  for (const [fieldGroup, readings] of groups) {
    const fields = fieldsInGroup(columns, fieldGroup, CURSOR);
    for (const read of readings) {
      const table = name(`stage_${slices.length}`);
      slices.push({ order: slices.length, fieldGroup, table });
      const api = slices.length % 2 === 0 ? 'rest' : 'bulk';
      const rows = read.map((reading) => `SELECT ${fields.map((field) => `'${textOf(field, reading, api)}' AS ${field}`).join(', ')}`);
      const none = `SELECT ${fields.map((field) => `CAST(NULL AS STRING) AS ${field}`).join(', ')} FROM (SELECT 1 AS one) AS t WHERE FALSE`;
      await rowsOf(emulator, `CREATE OR REPLACE TABLE d.${table.table} AS ${rows.length > 0 ? rows.join(' UNION ALL ') : none}`);
    }
  }
  const statement: DeltaStatement = {
    delta: name('delta'),
    slices,
    columns,
    cursorField: CURSOR,
    windowTo: new Date('2023-03-20'),
    partitionField: undefined,
    runId: 'run',
    expiresAt: new Date('2099-01-01'),
  };
  await rowsOf(emulator, deltaStatement(statement));
  const shown = columns.map((column) => `CAST(${column.name} AS STRING)`).join(', ');
  const rows = (await rowsOf(emulator, `SELECT ${shown} FROM d.delta`)).sort();
  const isSplit = groupsOf(columns).some((group) => isJoinedByCursor(columns, group));
  const counted = `SELECT staged_ids${isSplit ? ', whole_ids' : ''} FROM (${countStatement(statement)}) AS counted`;
  const [[staged, whole = staged]] = (await rowsOf(emulator, counted)) as [unknown[]];
  return { rows, counts: { staged: Number(staged), whole: Number(whole) } };
}

const keys: readonly FieldColumn[] = [
  { field: 'Id', name: 'Id', type: 'STRING' },
  { field: CURSOR, name: CURSOR, type: 'TIMESTAMP' },
];

/** Groups 1 and 2 are joined by cursor, 3 and 4 have calculated fields. */
const fields = fc
  .uniqueArray(fc.record({ field: fc.constantFrom(...'ABCDEFGH'), group: fc.nat(4) }), { selector: ({ field }) => field })
  .map((drawn) => drawn.map(({ field, group }): FieldColumn => ({ field, name: field, type: 'STRING', group, calculated: group > 2 })));

/** The records of one slice, each once. */
const slice = fc.uniqueArray(fc.record({ id: fc.constantFrom('001A', '001B', '001a', '001b'), second: fc.option(fc.nat(5)) }), {
  selector: ({ id }) => id,
});

test('the delta table is the same for any grouping of its fields if no row changes meanwhile', async () => {
  const property = fc.asyncProperty(fields, fc.array(slice, { minLength: 1, maxLength: 3 }), async (drawn, slices) => {
    // All groups see the same last version of a record.
    const states = new Map(slices.flat().map((reading) => [reading.id, reading]));
    const read = slices.map((readings) => readings.map(({ id }) => states.get(id)!));
    const columns = [...keys, ...drawn];
    const ungrouped = columns.map(({ group: _, ...column }) => column);
    const whole = await buildDelta(ungrouped, new Map([[0, read]]));
    const grouped = await buildDelta(columns, new Map(groupsOf(columns).map((group) => [group, read])));
    expect(grouped.rows).toEqual(whole.rows);
    expect(grouped.counts).toEqual({ staged: states.size, whole: states.size });
  });
  await fc.assert(property, { numRuns: 12 });
});

describe('a row that changes between the queries of its field groups', () => {
  const column = (field: string, group: number, calculated = false): FieldColumn => ({
    field,
    name: field,
    type: 'STRING',
    group,
    calculated,
  });
  const [before, after]: Reading[] = [
    { id: '001A', second: 1 },
    { id: '001A', second: 2 },
  ];

  test('gets the newest version that all groups read', async () => {
    const read = new Map<number, Slices>([
      [0, [[before!], [after!]]],
      [1, [[before!]]],
    ]);
    const { rows, counts } = await buildDelta([...keys, column('A', 0), column('B', 1)], read);
    expect(rows.map(([, , ...texts]) => texts)).toEqual([['A of 001A at 1', 'B of 001A at 1']]);
    expect(counts).toEqual({ staged: 1, whole: 1 });
  });

  test('is skipped and counted if the groups read no version in common', async () => {
    const read = new Map<number, Slices>([
      [0, [[before!, { id: '001B', second: 1 }]]],
      [1, [[after!, { id: '001B', second: 1 }]]],
    ]);
    const { rows, counts } = await buildDelta([...keys, column('A', 0), column('B', 1)], read);
    expect(rows.map(([id]) => id)).toEqual(['001B']);
    expect(counts).toEqual({ staged: 2, whole: 1 });
  });

  test('gets the calculated values that were read last', async () => {
    const read = new Map<number, Slices>([
      [0, [[before!, { id: '001B', second: 1 }]]],
      [1, [[before!], [after!]]],
    ]);
    const { rows } = await buildDelta([...keys, column('A', 0), column('F', 1, true)], read);
    expect(rows.map(([id, , ...texts]) => [id, ...texts])).toEqual([
      ['001A', 'A of 001A at 1', 'F of 001A at 2'],
      ['001B', 'A of 001B at 1', null],
    ]);
  });

  test('is skipped if a group that is joined by cursor has no rows', async () => {
    const { rows, counts } = await buildDelta([...keys, column('B', 1), column('F', 2, true)], new Map([[0, [[before!]]]]));
    expect(rows).toEqual([]);
    expect(counts).toEqual({ staged: 1, whole: 0 });
  });
});

test('a staging table that lacks a column is an error and never shifts values', async () => {
  await rowsOf(emulator, `CREATE OR REPLACE TABLE d.narrow AS SELECT '001A' AS Id, '' AS SystemModstamp, 'b' AS B`);
  const statement: DeltaStatement = {
    delta: name('delta'),
    slices: [{ order: 0, fieldGroup: 0, table: name('narrow') }],
    columns: [...keys, { field: 'A', name: 'A', type: 'STRING' }],
    cursorField: CURSOR,
    windowTo: new Date('2023-03-20'),
    partitionField: undefined,
    runId: 'run',
    expiresAt: new Date('2099-01-01'),
  };
  await expect(rowsOf(emulator, deltaStatement(statement))).rejects.toThrow(/\bA\b/);
});
