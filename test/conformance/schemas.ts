import fc from 'fast-check';
import type { StagedSlice } from '../../app/bigquery/sql/delta-statement.ts';
import type { TableName } from '../../app/bigquery/sql/quote.ts';
import type { Column, ColumnType, FieldColumn } from '../../app/core/fields/columns.ts';

/** An object's columns, and the slices that a run staged. */
export interface Schema {
  columns: readonly FieldColumn[];
  /** null: the rows have no cursor */
  cursorField: string | null;
  slices: readonly StagedSlice[];
}

export const PROJECT = 'conformance-project';

export const tableOf = (table: string): TableName => ({ project: PROJECT, dataset: 'salesforce', table });

const TYPES: readonly ColumnType[] = ['STRING', 'BOOL', 'INT64', 'FLOAT64', 'NUMERIC', 'BIGNUMERIC', 'DATE', 'TIMESTAMP', 'TIME'];

/** Words of the language, names in our own statements, and functions. */
const WORDS =
  'Order Group Default Select From Where Qualify Partition Rows Range Table Merge Hash Interval Struct Array Date Time Timestamp Numeric True Null Current All In Of Exists Window Having Limit Union With Using Source Target Staged Typed When Matched Then Update Insert Values Case Cast Concat If Count Language Name Type Value Desc';

const SYSTEM: readonly Column[] = [
  { name: 'Id', type: 'STRING' },
  { name: 'IsDeleted', type: 'BOOL' },
  { name: 'CreatedDate', type: 'TIMESTAMP' },
  { name: 'LastModifiedDate', type: 'TIMESTAMP' },
  { name: 'SystemModstamp', type: 'TIMESTAMP' },
];

const stagedSlices = (count: number): StagedSlice[] =>
  Array.from({ length: count }, (_, order) => ({ order, fieldGroup: 0, table: tableOf(`staging-1f0e_${order}_g0`) }));

/** A column that is filled from the field with the same name. */
export const filled = ({ name, type }: Column): FieldColumn => ({ field: name, name, type });

/**
 * The same schema in field groups: some fields stay in the base group, the others are spread over groups of calculated fields and of plain
 * fields, one of each without a slice.
 */
function inGroups({ columns, cursorField, slices }: Schema): Schema {
  const keys = ['Id', 'IsDeleted', 'CreatedDate', cursorField];
  const grouped = columns.map((column, index): FieldColumn => {
    if (keys.includes(column.field) || index % 2 === 0) return column;
    return { ...column, group: 1 + ((index % 8) >> 1), ...(index % 8 < 4 && { calculated: true }) };
  });
  const groups = [0, 1, 3].filter((group) => grouped.some((column) => (column.group ?? 0) === group));
  return {
    columns: grouped,
    cursorField,
    slices: groups.flatMap((fieldGroup) =>
      slices.map(({ order, table }) => ({
        order: fieldGroup * slices.length + order,
        fieldGroup,
        table: tableOf(`${table.table}_f${fieldGroup}`),
      })),
    ),
  };
}

/** Columns whose fields had another type before. The staging tables use the field's name. */
const RETYPED: readonly FieldColumn[] = TYPES.map((type) => ({
  field: `Retyped_${type}__c`,
  name: `Retyped_${type}__c_${type.toLowerCase()}`,
  type,
}));

/** Columns whose fields are hashed. */
const HASHED: readonly FieldColumn[] = TYPES.map((hashed) => ({ ...filled({ name: `Hashed_${hashed}__c`, type: 'STRING' }), hashed }));

/** A column per type and per word, in 1, 2 and 20 slices; a table without IsDeleted; one with two columns; and the widest possible table. */
const ungroupedSchemas: readonly Schema[] = [
  ...[1, 2, 20].map((count) => ({
    columns: [
      ...SYSTEM.map(filled),
      ...TYPES.map((type) => filled({ name: `As_${type}__c`, type })),
      ...WORDS.split(' ').map((name, index) => filled({ name, type: TYPES[index % TYPES.length]! })),
      ...RETYPED,
      ...HASHED,
    ],
    cursorField: 'SystemModstamp',
    slices: stagedSlices(count),
  })),
  { columns: SYSTEM.filter(({ name }) => name !== 'IsDeleted').map(filled), cursorField: 'LastModifiedDate', slices: stagedSlices(1) },
  {
    columns: SYSTEM.filter(({ name }) => name === 'Id' || name === 'CreatedDate').map(filled),
    cursorField: 'CreatedDate',
    slices: stagedSlices(3),
  },
  // The maximum number of fields of an object.
  {
    columns: [
      ...SYSTEM,
      ...Array.from({ length: 795 }, (_, index) => ({ name: `Field_${index}__c`, type: TYPES[index % TYPES.length]! })),
    ].map(filled),
    cursorField: 'SystemModstamp',
    slices: stagedSlices(2),
  },
];

/** Objects without a cursor, in slices by Id. */
const wholeSchemas: readonly Schema[] = [ungroupedSchemas[1]!, ungroupedSchemas[3]!].map((schema) => ({ ...schema, cursorField: null }));

export const plainSchemas: readonly Schema[] = [
  ...ungroupedSchemas,
  ...ungroupedSchemas.slice(0, 3).map(inGroups),
  ...wholeSchemas,
  inGroups(wholeSchemas[0]!),
];

/** Random schemas, every other one in field groups. The same seed generates the same schemas. */
export function randomSchemas(count: number, seed: number): Schema[] {
  return fc.sample(schema, { numRuns: count, seed }).map((drawn, index) => (index % 2 === 0 ? drawn : inGroups(drawn)));
}

const LETTERS = [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'];
const word = fc
  .tuple(fc.constantFrom(...LETTERS), fc.string({ unit: fc.constantFrom(...LETTERS, ...'0123456789'), maxLength: 30 }))
  .map((parts) => parts.join(''));
const name = fc
  .tuple(
    fc.constantFrom('', '', 'ns__'),
    fc.oneof(fc.constantFrom(...WORDS.split(' ')), word),
    fc.constantFrom('', '__c', '__pc', '_x__c', '__Latitude__s'),
  )
  .map((parts) => parts.join(''));
const column = fc.record({ name, type: fc.constantFrom(...TYPES) });
const known = new Set(SYSTEM.map((each) => each.name.toLowerCase()));

const schema: fc.Arbitrary<Schema> = fc
  .record({
    own: fc.uniqueArray(column, { maxLength: 60, selector: (each) => each.name.toLowerCase() }),
    system: fc.subarray([...SYSTEM.slice(1, 4)]),
    slices: fc.integer({ min: 1, max: 6 }),
    cursorField: fc.constantFrom('SystemModstamp', 'LastModifiedDate', 'CreatedDate'),
  })
  .map(({ own, system, slices, cursorField }) => ({
    columns: [
      SYSTEM[0]!,
      ...system.filter((each) => each.name !== cursorField),
      { name: cursorField, type: 'TIMESTAMP' as const },
      ...own.filter((each) => !known.has(each.name.toLowerCase())),
    ].map(filled),
    cursorField,
    slices: stagedSlices(slices),
  }));
