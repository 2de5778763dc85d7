import { compareValuesStatement } from '../../app/bigquery/sql/compare-values-statement.ts';
import { countStatement } from '../../app/bigquery/sql/count-statement.ts';
import { type DeltaStatement, deltaStatement } from '../../app/bigquery/sql/delta-statement.ts';
import {
  clearColumnsStatement,
  clearInvalidValuesStatement,
  eraseRecordStatement,
  eraseRecordValuesStatement,
} from '../../app/bigquery/sql/erasure-statements.ts';
import { FRESHNESS_COLUMNS, freshnessQuery, tableFreshnessQuery } from '../../app/bigquery/sql/freshness-query.ts';
import {
  deleteInvalidValuesStatement,
  eraseInvalidValuesStatement,
  INVALID_VALUES_COLUMNS,
  invalidValuesStatement,
  listInvalidValuesQuery,
} from '../../app/bigquery/sql/invalid-values-statements.ts';
import { mergeStatement } from '../../app/bigquery/sql/merge-statement.ts';
import type { TableName } from '../../app/bigquery/sql/quote.ts';
import { refreshStatement } from '../../app/bigquery/sql/refresh-statement.ts';
import { reportedRunsQuery } from '../../app/bigquery/sql/reported-runs-query.ts';
import { type SwapStatement, swapCountStatement, swapStatement } from '../../app/bigquery/sql/swap-statements.ts';
import {
  compareStatement,
  countComparisonStatement,
  eraseMissingStatement,
  foundStatement,
  missingStatement,
  removeCopiesStatement,
  type SweptIds,
  sweptIdsStatement,
} from '../../app/bigquery/sql/sweep-statements.ts';
import { liveQuery, SYSTEM_COLUMNS, targetCountStatement, widenStatement } from '../../app/bigquery/sql/table-statements.ts';
import { treatDeletedStatement } from '../../app/bigquery/sql/treat-deleted-statement.ts';
import { updateTaggedStatement } from '../../app/bigquery/tables/policy-tags.ts';
import type { Column, FieldColumn } from '../../app/core/fields/columns.ts';
import { BASE_GROUP, fieldsInGroup } from '../../app/core/fields/field-groups.ts';
import { JOB_COLUMNS, RUN_COLUMNS } from '../../app/core/fields/metadata-tables.ts';
import { type Deletes, isEmptied } from '../../app/core/jobs/deletes.ts';
import type { CatalogColumn, CatalogTable } from './google-sql.ts';
import { type Schema, tableOf } from './schemas.ts';
import { VERSIONS, versionsColumns, versionsStatements } from './versions-statements.ts';

/** A statement of the app, and the tables it needs. */
export interface AppStatement {
  sql: string;
  tables: CatalogTable[];
  /** the columns that it selects, if the schema determines them */
  columns?: readonly CatalogColumn[];
}

/** All statements of the app for a table of this schema, each with the tables that exist when it runs. */
export function appStatements(schema: Schema): AppStatement[] {
  const statement = deltaOf(schema);
  const suppressing = { ...statement, suppressed: { jobId: RECORD.jobId, hashes: [RECORD.hash] } };
  const staging = schema.slices.map(({ table, fieldGroup }) => catalogTable(table, textColumns(schema, fieldGroup)));
  const delta = deltaTable(schema);
  // The target keeps the columns of fields that the org no longer has.
  const target = targetTable([...schema.columns, ORPHANED, EMPTIED]);
  const invalidValues = catalogTable(INVALID_VALUES, INVALID_VALUES_COLUMNS);
  return [
    ...[statement, suppressing].flatMap((each) => [
      { sql: deltaStatement(each), tables: staging, columns: delta.columns },
      { sql: countStatement(each), tables: [...staging, delta] },
      { sql: invalidValuesStatement(INVALID_VALUES, "it's", each, typedColumns(schema)), tables: [...staging, invalidValues], columns: [] },
    ]),
    ...(schema.cursorField === null ? [] : [{ sql: countStatement({ ...statement, countsStamps: true }), tables: [...staging, delta] }]),
    { sql: targetCountStatement(TARGET), tables: [target] },
    ...[...mergesOf(schema), ...refreshesOf(schema)].map((sql) => ({ sql, tables: [target, delta], columns: [] })),
    ...stagedMergesOf(schema).map((sql) => ({ sql, tables: [target, ...staging], columns: [] })),
    ...comparisonsOf(schema).map((sql) => ({ sql, tables: [target, delta] })),
    ...(['blank', 'remove'] as const).map((deletes) => ({
      sql: treatDeletedStatement({ target: TARGET, deletes, emptied: emptiedColumns(schema), runId: statement.runId }),
      tables: [target],
      columns: [],
    })),
    {
      sql: listInvalidValuesQuery(INVALID_VALUES, "it's", "it's", 100),
      tables: [invalidValues],
      columns: INVALID_VALUES_COLUMNS.filter(({ name }) => ['id', 'value', 'run', 'seen_at'].includes(name)).map(({ name, type }) => ({
        name,
        type,
      })),
    },
    { sql: deleteInvalidValuesStatement(INVALID_VALUES, "it's"), tables: [invalidValues], columns: [] },
    { sql: eraseInvalidValuesStatement(INVALID_VALUES, "it's", TARGET), tables: [target, invalidValues], columns: [] },
    ...erasuresOf(schema).map((sql) => ({ sql, tables: [target, invalidValues], columns: [] })),
    // With and without a column whose values are carried over.
    ...[target, targetTable(schema.columns)].flatMap((replaced) =>
      swapsOf(schema, replaced).flatMap((swap) => [
        { sql: swapStatement(swap), tables: [replaced, delta], columns: replaced.columns },
        { sql: swapCountStatement(swap), tables: [replaced, delta] },
      ]),
    ),
    { sql: eraseInvalidValuesStatement(INVALID_VALUES, "it's", statement.delta), tables: [delta, invalidValues], columns: [] },
    { sql: liveQuery(TARGET), tables: [target], columns: target.columns },
    {
      sql: freshnessQuery(JOBS),
      tables: [catalogTable(JOBS, JOB_COLUMNS)],
      columns: FRESHNESS_COLUMNS.map(({ name, type }) => ({ name, type })),
    },
    {
      sql: tableFreshnessQuery(TARGET),
      tables: [catalogTable(tableOf('_freshness'), FRESHNESS_COLUMNS)],
      columns: [{ name: 'last_date', type: 'TIMESTAMP' }],
    },
    {
      sql: reportedRunsQuery(RUNS, ['0b7a9c1e-5f5d-4d0a-9c69-2f6f3b1c8e11', '7c9e6679-7425-40de-944b-e07fc1f90ae7']),
      tables: [catalogTable(RUNS, RUN_COLUMNS)],
      columns: [{ name: 'run', type: 'STRING' }],
    },
    ...sweepsOf(schema),
    ...versionsOf(schema, staging),
    ...widenings(schema).map((column) => ({ sql: widenStatement(TARGET, column), tables: [target], columns: [] })),
  ];
}

/** Statements with an unknown name or a wrong type. Each must be rejected. */
export function mistakenStatements(schema: Schema): AppStatement[] {
  const merge = mergesOf({ ...schema, cursorField: schema.cursorField ?? 'Id' })[0]!;
  const delta = deltaTable(schema);
  const otherTypes = schema.columns.map(({ name, type }): Column => ({ name, type: type === 'STRING' ? 'DATE' : 'STRING' }));
  return [
    { sql: merge, tables: [delta, targetTable(schema.columns.slice(0, -1))] },
    { sql: merge, tables: [delta, targetTable(otherTypes)] },
    { sql: merge, tables: [targetTable(schema.columns)] },
    { sql: deltaStatement(deltaOf(schema)), tables: [] },
  ];
}

const TARGET = tableOf('Target__c');
const ORPHANED: Column = { name: 'Orphaned__c', type: 'DATE' };
const EMPTIED: Column = { name: 'Emptied__c', type: 'BIGNUMERIC' };
const INVALID_VALUES = tableOf('_invalid_values');
const RECORD = { jobId: '7c9e6679-7425-40de-944b-e07fc1f90ae7', hash: 'a'.repeat(64) };
const JOBS = tableOf('_jobs');
const RUNS = tableOf('_runs');

/** The delta statement of a run over this schema. */
export function deltaOf({ columns, cursorField, slices }: Schema): DeltaStatement {
  return {
    delta: tableOf('delta_1f0e'),
    slices: slices.map((slice, index) => ({
      ...slice,
      countBefore: index === 0 ? new Date('2023-03-20T00:00:00Z') : undefined,
      nullCursor: index > 0,
    })),
    columns,
    cursorField,
    windowTo: new Date('2023-03-20T00:00:00Z'),
    partitionField: columns.some(({ name, type }) => name === PARTITION_FIELD && type === 'TIMESTAMP') ? PARTITION_FIELD : undefined,
    runId: '0b7a9c1e-5f5d-4d0a-9c69-2f6f3b1c8e11',
    expiresAt: new Date('2099-12-02T00:00:00Z'),
  };
}

/** The removal of the values of all columns but Id, and of one record. */
function erasuresOf({ columns }: Schema): string[] {
  const names = columns.map(({ name }) => name).filter((name) => name !== 'Id');
  return [
    clearColumnsStatement(TARGET, names),
    updateTaggedStatement(TARGET, names),
    clearInvalidValuesStatement(INVALID_VALUES, "it's", names),
    eraseRecordStatement(TARGET, RECORD),
    eraseRecordValuesStatement(INVALID_VALUES, "it's", RECORD),
  ];
}

/** The replacement in all its variants: by handling of deleted rows, of one, several and no delta tables. */
function swapsOf(schema: Schema, target: CatalogTable): SwapStatement[] {
  const { delta, cursorField, partitionField } = deltaOf(schema);
  const targetColumns = target.columns.map(({ name }) => name);
  const emptied = target.columns.filter(({ name }) => name === EMPTIED.name).map(({ name }) => ({ name, type: EMPTIED.type }));
  const base = { target: TARGET, targetColumns, columns: schema.columns, emptied, cursorField, partitionField };
  return deletesOf(schema).flatMap((deletes) => [[delta], [delta, delta], []].map((deltas) => ({ ...base, deltas, deletes })));
}

const deletesOf = ({ columns }: Schema): readonly Deletes[] =>
  columns.some(({ name }) => name === 'IsDeleted') ? ['keep', 'blank', 'remove'] : ['keep'];

/** The MERGE in all its variants: by handling of deleted rows, insert-only, newer or later wins, with and without partitions. */
function mergesOf(schema: Schema): string[] {
  const base = mergeOf(schema);
  if (!base) return [];
  return deletesOf(schema).flatMap((deletes) =>
    [{ insertOnly: false }, { insertOnly: true }, { insertOnly: false, replacesBefore: REQUESTED }].flatMap((how) =>
      monthsOf(schema).map((months) => mergeStatement({ ...base, deletes, ...how, months })),
    ),
  );
}

/** The MERGE of staged rows. */
function stagedMergesOf(schema: Schema): string[] {
  const merge = mergeOf(schema);
  if (!merge) return [];
  const base = { ...merge, delta: deltaOf(schema), insertOnly: false };
  return deletesOf(schema).flatMap((deletes) => monthsOf(schema).map((months) => mergeStatement({ ...base, deletes, months })));
}

/** The comparison in all its variants. */
function comparisonsOf(schema: Schema): string[] {
  const merge = mergeOf(schema);
  if (!merge) return [];
  const columns = schema.columns.filter(({ name }) => name !== 'Id');
  const base = { ...merge, columns, replacesBefore: REQUESTED, syncedFrom: REQUESTED[0]!, syncedTo: REQUESTED[1]! };
  return deletesOf(schema).flatMap((deletes) => monthsOf(schema).map((months) => compareValuesStatement({ ...base, deletes, months })));
}

/** The refresh of all columns but the keys, by handling of deleted rows, with and without partitions. */
function refreshesOf(schema: Schema): string[] {
  const merge = mergeOf(schema);
  if (!merge) return [];
  const columns = schema.columns.filter(({ name }) => !['Id', 'IsDeleted', PARTITION_FIELD, merge.cursorField].includes(name));
  if (columns.length === 0) return [];
  const base = { ...merge, columns, requestedAt: schema.slices.map(() => new Date('2023-03-20T00:10:00.123Z')) };
  return deletesOf(schema).flatMap((deletes) => monthsOf(schema).map((months) => refreshStatement({ ...base, deletes, months })));
}

const REQUESTED = [new Date('2023-03-20T00:00:00Z'), new Date('2023-03-20T00:01:00Z')];

const monthsOf = ({ columns }: Schema) =>
  columns.some(({ name, type }) => name === PARTITION_FIELD && type === 'TIMESTAMP') ? [undefined, MONTHS] : [undefined];

/** What all merges of this schema have in common; undefined without a cursor. */
function mergeOf(schema: Schema) {
  const { delta, cursorField } = deltaOf(schema);
  if (cursorField === null) return undefined;
  return {
    target: TARGET,
    delta,
    columns: schema.columns,
    orphaned: [ORPHANED.name, EMPTIED.name],
    emptied: [EMPTIED.name],
    cursorField,
    firstId: '001A',
    lastId: "001z'\\",
    partitionField: PARTITION_FIELD,
  };
}

const COMPARISON = tableOf('sweep_1f0e');

/** The statements of a sweep in all their variants: by handling of deleted rows, with and without rows, with and without CreatedDate. */
function sweepsOf(schema: Schema): AppStatement[] {
  const delta = deltaTable(schema);
  const target = targetTable([...schema.columns, ORPHANED, EMPTIED]);
  const comparison = catalogTable(COMPARISON, COMPARISON_COLUMNS);
  const { cursorField } = schema;
  if (cursorField === null) return [];
  const createdField = schema.columns.find(({ name, type }) => name === PARTITION_FIELD && type === 'TIMESTAMP')?.name;
  const compare = {
    comparison: COMPARISON,
    target: TARGET,
    cursorField,
    range: { from: new Date('1700-01-01T00:00:00Z'), to: new Date('2023-03-20T00:00:00Z') },
    judgedBefore: new Date('2023-03-19T23:50:00Z'),
    expiresAt: new Date('2099-12-02T00:00:00Z'),
  };
  const { delta: name } = deltaOf(schema);
  const deletes = ['keep', 'blank', 'remove'] as const;
  const missing = {
    comparison: COMPARISON,
    target: TARGET,
    runId: 'run',
    judgedBefore: compare.judgedBefore,
    firstId: '001A',
    lastId: "001z'\\",
  };
  const cleared = schema.columns.filter((column) => !['Id', cursorField].includes(column.name)).map((column) => column.name);
  return [
    ...deletes.flatMap((each) =>
      [[], [name], [name, name]].map((deltas) => ({
        sql: compareStatement({ ...compare, deltas, createdField: deltas.length === 2 ? createdField : undefined, deletes: each }),
        tables: [delta, target],
        columns: COMPARISON_COLUMNS,
      })),
    ),
    { sql: countComparisonStatement(COMPARISON), tables: [comparison] },
    ...(['missing', 'duplicates', 'to reimport'] as const satisfies SweptIds[]).map((which) => ({
      sql: sweptIdsStatement(COMPARISON, which, '001A', 10_000),
      tables: [comparison],
      columns: [{ name: 'Id', type: 'STRING' } as const],
    })),
    { sql: foundStatement(COMPARISON, ['001A', "001z'\\"]), tables: [comparison], columns: [] },
    ...deletes.map((each) => ({
      sql: missingStatement({ ...missing, deletes: each, cleared: each === 'blank' ? cleared : [] }),
      tables: [comparison, target],
      columns: [],
    })),
    {
      sql: eraseMissingStatement(INVALID_VALUES, "it's", COMPARISON),
      tables: [comparison, catalogTable(INVALID_VALUES, INVALID_VALUES_COLUMNS)],
      columns: [],
    },
    { sql: removeCopiesStatement(TARGET, ['001A', "001z'\\"], cursorField), tables: [target], columns: [] },
  ];
}

/** The statements of the table of versions, none without a cursor. */
function versionsOf(schema: Schema, staging: readonly CatalogTable[]): AppStatement[] {
  const base = mergeOf(schema);
  if (!base) return [];
  const tables = [
    ...staging,
    deltaTable(schema),
    targetTable([...schema.columns, ORPHANED, EMPTIED]),
    catalogTable(VERSIONS, versionsColumns(schema.columns)),
    catalogTable(COMPARISON, COMPARISON_COLUMNS),
  ];
  const found = versionsStatements({ base, staged: deltaOf(schema), target: TARGET, comparison: COMPARISON, deletes: deletesOf(schema) });
  return found.map(({ sql, columns }) => ({ sql, tables, columns: columns.map(({ name, type }) => ({ name, type })) }));
}

const COMPARISON_COLUMNS: readonly Column[] = [
  { name: 'Id', type: 'STRING' },
  { name: '_result', type: 'STRING' },
  { name: '_is_live', type: 'BOOL' },
  { name: '_in_org', type: 'BOOL' },
  { name: '_copies', type: 'INT64' },
];

const emptiedColumns = ({ columns, cursorField }: Schema): string[] =>
  [...columns, ORPHANED].map(({ name }) => name).filter((name) => isEmptied(name, cursorField, PARTITION_FIELD));

const PARTITION_FIELD = 'CreatedDate';
const MONTHS = ['2023-01', '2022-12', '0001-01', '9999-11'];

/** One column per widening: INT64 to NUMERIC, and NUMERIC to BIGNUMERIC. */
const widenings = ({ columns }: Schema): Column[] =>
  (['INT64', 'NUMERIC'] as const).flatMap((from) => {
    const column = columns.find(({ type }) => type === from);
    return column ? [{ name: column.name, type: from === 'INT64' ? 'NUMERIC' : 'BIGNUMERIC' } as const] : [];
  });

const typedColumns = (schema: Schema): FieldColumn[] => schema.columns.filter(({ type }) => type !== 'STRING').slice(0, 20);

/** The columns of a field group as they are staged. */
export const textColumns = ({ columns, cursorField }: Schema, fieldGroup = BASE_GROUP): CatalogColumn[] =>
  fieldsInGroup(columns, fieldGroup, cursorField).map((field) => ({ name: field, type: 'STRING' }));

const targetTable = (columns: readonly Column[]): CatalogTable => catalogTable(TARGET, [...columns, ...SYSTEM_COLUMNS]);

const deltaTable = (schema: Schema): CatalogTable =>
  catalogTable(deltaOf(schema).delta, [
    { name: '_slice', type: 'INT64' },
    ...schema.columns,
    { name: '_invalid', type: 'STRING' },
    { name: '_synced_at', type: 'TIMESTAMP' },
    { name: '_run', type: 'STRING' },
    { name: '_deleted_at', type: 'TIMESTAMP' },
    { name: '_deleted_reason', type: 'STRING' },
  ]);

const catalogTable = ({ project, dataset, table }: TableName, columns: readonly CatalogColumn[]): CatalogTable => ({
  name: `${project}.${dataset}.${table}`,
  columns: columns.map(({ name, type }) => ({ name, type })),
});
