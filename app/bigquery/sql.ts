import type { Column, ColumnType, FieldColumn } from '../core/columns.ts';
import type { Deletes } from '../core/deletes.ts';
import { BASE_GROUP, fieldsOf, groupOf, groupsOf, isJoinedByCursor } from '../core/field-groups.ts';

/** A table's full name. */
export interface TableName {
  project: string;
  dataset: string;
  table: string;
}

/** A staging table that feeds a delta table, oldest extraction first. */
export interface StagedSlice {
  /** later extractions win if the cursors are equal */
  order: number;
  table: TableName;
  /** the field group that the table contains */
  fieldGroup: number;
  /** counts the rows with a cursor before this instant; undefined: no count */
  countBefore?: Date | undefined;
  /** the rows have no cursor */
  nullCursor?: boolean;
}

export interface DeltaStatement {
  delta: TableName;
  slices: StagedSlice[];
  columns: readonly FieldColumn[];
  cursorField: string;
  /** the end of the run's window */
  windowTo: Date;
  /** the target table is partitioned by the month of this field; undefined: not partitioned */
  partitionField: string | undefined;
  runId: string;
  expiresAt: Date;
}

/** Columns that we add to every target table. */
export const OWN_COLUMNS: readonly Column[] = [
  { name: '_synced_at', type: 'TIMESTAMP' },
  { name: '_run', type: 'STRING' },
  { name: '_deleted_at', type: 'TIMESTAMP' },
];

/** The columns of the table of invalid values. */
export const INVALID_VALUES_COLUMNS: readonly Column[] = [
  { name: 'object', type: 'STRING', description: 'The Salesforce object.' },
  { name: 'id', type: 'STRING', description: "The record's Id." },
  { name: 'column', type: 'STRING', description: 'The column that cannot store the value: it is NULL or a rounded number.' },
  { name: 'value', type: 'STRING', description: 'The text as returned by Salesforce.' },
  { name: 'run', type: 'STRING', description: 'The run that found it.' },
  { name: 'seen_at', type: 'TIMESTAMP' },
];

/** Casts Salesforce's text format of each type; NULL if the text is invalid. `x` is an expression. */
export const CASTS: Record<ColumnType, (x: string) => string> = {
  STRING: (x) => x,
  BOOL: (x) => `SAFE_CAST(${x} AS BOOL)`,
  // Through NUMERIC, so that 12.0 becomes 12; a fraction is invalid.
  INT64: (x) => {
    const number = `SAFE_CAST(${x} AS NUMERIC)`;
    return `IF(${number} = TRUNC(${number}), SAFE_CAST(${number} AS INT64), NULL)`;
  },
  FLOAT64: (x) => `SAFE_CAST(${x} AS FLOAT64)`,
  NUMERIC: (x) => `SAFE_CAST(${x} AS NUMERIC)`,
  BIGNUMERIC: (x) => `SAFE_CAST(${x} AS BIGNUMERIC)`,
  DATE: (x) => `SAFE_CAST(${x} AS DATE)`,
  // Accepts Bulk's Z and REST's +0000.
  TIMESTAMP: (x) => `SAFE.PARSE_TIMESTAMP('%Y-%m-%dT%H:%M:%E*S%Ez', ${x})`,
  TIME: (x) => `SAFE.PARSE_TIME('%H:%M:%E*SZ', ${x})`,
};

// Our own names in the statements below start with an underscore, which no Salesforce field does: a table alias would hide a column of
// the same name, and BigQuery would refuse the statement.

/**
 * Builds the delta table: typed, one row per Id, the newest of all extractions. `_invalid` lists the columns with invalid values. The
 * statement is deterministic per run. It names every column of every staging table, so a missing or swapped column fails;
 * core/run-slices.ts bounds its length.
 *
 * Rows come from the base group. A row without a matching cursor in a group joined by cursor was edited during extraction and is left
 * out: the window of that edit imports it.
 */
export function deltaStatement(statement: DeltaStatement): string {
  const { delta, columns, cursorField, runId, expiresAt } = statement;
  const [, ...joined] = groupsOf(columns);
  // Salesforce stores no empty strings: empty text is NULL for every type.
  const texts = columns.map((column) => `NULLIF(${groupName(groupOf(column))}.${quote(column.field)}, '') AS ${quote(column.name)}`);
  const typed = columns.map(({ name, type }) => `${CASTS[type](quote(name))} AS ${quote(name)}`);
  const deletedAt = columns.some(({ name }) => name === 'IsDeleted')
    ? `IF(\`IsDeleted\`, IFNULL(${quote(cursorField)}, \`_synced_at\`), NULL)`
    : 'CAST(NULL AS TIMESTAMP)';
  return `CREATE OR REPLACE TABLE ${tableName(delta)}
OPTIONS (expiration_timestamp = TIMESTAMP ${text(expiresAt.toISOString())})
AS
WITH ${groupName(BASE_GROUP)} AS (
${stagedRows(statement, BASE_GROUP)}
),
${joined.map((group) => `${groupName(group)} AS (\n${newestRows(statement, group)}\n),\n`).join('')}_texts AS (
  SELECT ${groupName(BASE_GROUP)}.\`_slice\`, ${texts.join(', ')}
  FROM ${[groupName(BASE_GROUP), ...joined.map((group) => joinOf(statement, group))].join('\n  ')}
),
_typed AS (
  SELECT
    \`_slice\`,
    ${typed.join(',\n    ')},
    ${invalidNames(columns)} AS \`_invalid\`,
    CURRENT_TIMESTAMP() AS \`_synced_at\`,
    ${text(runId)} AS \`_run\`
  FROM _texts
)
SELECT *, ${deletedAt} AS \`_deleted_at\`
FROM _typed
QUALIFY ROW_NUMBER() OVER (PARTITION BY \`Id\` ORDER BY ${quote(cursorField)} DESC, \`_slice\` DESC) = 1`;
}

/** All rows of a field group, with the order of their slice. */
function stagedRows({ slices, columns, cursorField }: DeltaStatement, group: number): string {
  const names = fieldsOf(columns, group, cursorField).map(quote);
  const tables = slices.filter(({ fieldGroup }) => fieldGroup === group);
  if (tables.length === 0) {
    return `  SELECT 0 AS \`_slice\`, ${names.map((name) => `CAST(NULL AS STRING) AS ${name}`).join(', ')} FROM (SELECT 1 AS \`_one\`) AS _none WHERE FALSE`;
  }
  return tables
    .map(({ order, table }) => `  SELECT ${order} AS \`_slice\`, ${names.join(', ')} FROM ${tableName(table)}`)
    .join('\n  UNION ALL\n');
}

/** One row of a field group per join key, the one extracted last. */
function newestRows(statement: DeltaStatement, group: number): string {
  const key = isJoinedByCursor(statement.columns, group) ? `\`Id\`, ${stamp('', statement.cursorField)}` : '`Id`';
  return `  SELECT * FROM (
${stagedRows(statement, group)}
  ) AS _staged
  QUALIFY ROW_NUMBER() OVER (PARTITION BY ${key} ORDER BY \`_slice\` DESC) = 1`;
}

function joinOf({ columns, cursorField }: DeltaStatement, group: number): string {
  const [base, other] = [`${groupName(BASE_GROUP)}.`, `${groupName(group)}.`];
  const sameId = `${other}\`Id\` = ${base}\`Id\``;
  if (!isJoinedByCursor(columns, group)) return `LEFT JOIN ${groupName(group)} ON ${sameId}`;
  return `JOIN ${groupName(group)} ON ${sameId} AND ${stamp(other, cursorField)} = ${stamp(base, cursorField)}`;
}

/** A row's cursor, which identifies its state across both APIs; a row without one gets the earliest instant. */
function stamp(prefix: string, cursorField: string): string {
  return `IFNULL(${CASTS.TIMESTAMP(`${prefix}${quote(cursorField)}`)}, TIMESTAMP '0001-01-01 00:00:00+00')`;
}

function groupName(group: number): string {
  return `_group_${group}`;
}

/**
 * Counts for the verdict, in one row:
 * - `staged_ids`: distinct Ids of the base group; `whole_ids`: those that all groups joined by cursor have in the same state, and
 *   `torn_in_window`: the others if their newest stamp is before `windowTo` (only if there are such groups); `delta_rows`, `deleted_rows`,
 *   `unusable`; and per typed column, by its index, `invalid_N`
 * - the bounds of the rows: `first_id`, `last_id`, and with a partition field `months`, for example 2023-02,2023-03
 * - per slice, by its order: `ids_N`, distinct Ids; `repeated_N`, Ids that occur more than once (NULL: none); `before_N`, rows with a cursor
 *   before `countBefore`
 */
export function countStatement({ delta, slices, columns, cursorField, windowTo, partitionField }: DeltaStatement): string {
  const base = slices.filter(({ fieldGroup }) => fieldGroup === BASE_GROUP);
  const ids = base.map(({ table }) => `SELECT \`Id\` FROM ${tableName(table)}`).join(' UNION ALL ');
  const split = [BASE_GROUP, ...groupsOf(columns).filter((group) => isJoinedByCursor(columns, group))];
  const withoutCursor = slices.filter(({ nullCursor }) => nullCursor).map(({ order }) => order);
  const missing = ['Id', cursorField, ...(partitionField ? [partitionField] : [])].map((name) => {
    const isNull = `${quote(name)} IS NULL`;
    return name === cursorField && withoutCursor.length > 0 ? `(${isNull} AND \`_slice\` NOT IN (${withoutCursor.join(', ')}))` : isNull;
  });
  const perColumn = columns.flatMap(({ name, type }, index) =>
    type === 'STRING' ? [] : [`COUNTIF(STRPOS(\`_invalid\`, ${text(` ${name} `)}) > 0) AS \`invalid_${index}\``],
  );
  return `SELECT
  ${[
    `(SELECT COUNT(DISTINCT \`Id\`) FROM (${ids})) AS \`staged_ids\``,
    ...(split.length > 1 ? countTorn(slices, split, cursorField, windowTo) : []),
    'COUNT(*) AS `delta_rows`',
    `COUNTIF(${missing.join(' OR ')}) AS \`unusable\``,
    'COUNTIF(`_deleted_at` IS NOT NULL) AS `deleted_rows`',
    'MIN(`Id`) AS `first_id`',
    'MAX(`Id`) AS `last_id`',
    ...(partitionField ? [`STRING_AGG(DISTINCT FORMAT_TIMESTAMP('%Y-%m', ${quote(partitionField)}), ',') AS \`months\``] : []),
    ...perColumn,
    ...slices.flatMap((slice) => sliceCounts(slice, cursorField)),
  ].join(',\n  ')}
FROM ${tableName(delta)}`;
}

/** Written differently from the delta statement, which it checks. */
function countTorn(slices: readonly StagedSlice[], groups: readonly number[], cursorField: string, windowTo: Date): string[] {
  const states = slices
    .filter(({ fieldGroup }) => groups.includes(fieldGroup))
    .map(
      ({ fieldGroup, table }) =>
        `SELECT ${fieldGroup} AS \`_group\`, \`Id\` AS \`_id\`, ${stamp('', cursorField)} AS \`_stamp\` FROM ${tableName(table)}`,
    )
    .join(' UNION ALL ');
  const found = `SELECT \`_id\`, \`_stamp\`, COUNT(DISTINCT \`_group\`) AS \`_groups\` FROM (${states}) GROUP BY \`_id\`, \`_stamp\``;
  const torn = `SELECT \`_id\` FROM (${found}) GROUP BY \`_id\` HAVING MAX(\`_groups\`) < ${groups.length} AND MAX(\`_stamp\`) < TIMESTAMP ${text(windowTo.toISOString())}`;
  return [
    `(SELECT COUNT(DISTINCT \`_id\`) FROM (${found}) WHERE \`_groups\` = ${groups.length}) AS \`whole_ids\``,
    `(SELECT COUNT(*) FROM (${torn})) AS \`torn_in_window\``,
  ];
}

function sliceCounts({ order, table, countBefore }: StagedSlice, cursorField: string): string[] {
  const staged = tableName(table);
  const repeated = `SELECT \`Id\` FROM ${staged} GROUP BY \`Id\` HAVING COUNT(*) > 1`;
  const before = countBefore && `${CASTS.TIMESTAMP(quote(cursorField))} < TIMESTAMP ${text(countBefore.toISOString())}`;
  return [
    `(SELECT COUNT(DISTINCT \`Id\`) FROM ${staged}) AS \`ids_${order}\``,
    `(SELECT CONCAT(CAST(COUNT(*) AS STRING), ' Ids from ', MIN(\`Id\`), ' to ', MAX(\`Id\`)) FROM (${repeated})) AS \`repeated_${order}\``,
    ...(before ? [`(SELECT COUNTIF(${before}) FROM ${staged}) AS \`before_${order}\``] : []),
  ];
}

/** Counts a target table's rows as `target_rows`. BigQuery uses the table's metadata and bills nothing. */
export function targetCountStatement(target: TableName): string {
  return `SELECT COUNT(*) AS \`target_rows\` FROM ${tableName(target)}`;
}

export interface MergeStatement {
  target: TableName;
  delta: TableName;
  columns: readonly Column[];
  /** columns of the target table that the delta table lacks, so they are no longer filled */
  orphaned: readonly string[];
  cursorField: string;
  /** the target table is empty, so nothing can match; a MERGE without updates is billed less */
  insertOnly: boolean;
  deletes: Deletes;
  /** the delta table's first and last Id: the MERGE skips target blocks outside this range */
  firstId: string;
  lastId: string;
  /** the months (YYYY-MM) of the partition field among the delta table's rows; undefined: the target is not partitioned */
  months: readonly string[] | undefined;
  partitionField: string;
}

/**
 * Merges a delta table into the target table. Idempotent and safe to run late: an older version of a row never replaces a newer one.
 * Ids in the delta table are unique, as MERGE requires.
 */
export function mergeStatement(merge: MergeStatement): string {
  const { target, delta, columns, insertOnly, deletes } = merge;
  const names = [...columns, ...OWN_COLUMNS].map(({ name }) => name);
  const deleted = 'IFNULL(_source.`IsDeleted`, FALSE)';
  const kept = new Set(['Id', 'IsDeleted', merge.cursorField, merge.partitionField, ...OWN_COLUMNS.map(({ name }) => name)]);
  const value = (name: string): string =>
    deletes === 'blank' && !kept.has(name) ? `IF(${deleted}, NULL, _source.${quote(name)})` : `_source.${quote(name)}`;
  const cursor = quote(merge.cursorField);
  const newer = `(_target.${cursor} IS NULL OR _source.${cursor} >= _target.${cursor})`;
  const updates = names.filter((name) => name !== 'Id').map((name) => `${quote(name)} = ${value(name)}`);
  // Columns created for a field have a plain name; columns added by a user may have any name.
  const emptied = deletes === 'blank' ? merge.orphaned.filter((name) => /^\w+$/.test(name)) : [];
  updates.push(...emptied.map((name) => `${quote(name)} = IF(${deleted}, NULL, _target.${quote(name)})`));
  const matched = [
    ...(deletes === 'remove' ? [`WHEN MATCHED AND ${deleted} AND ${newer} THEN\n  DELETE`] : []),
    `WHEN MATCHED AND ${newer} THEN\n  UPDATE SET ${updates.join(', ')}`,
  ];
  return [
    `MERGE ${tableName(target)} AS _target`,
    `USING ${tableName(delta)} AS _source`,
    `ON ${['_target.`Id` = _source.`Id`', ...bounds(merge)].join(' AND ')}`,
    ...(insertOnly ? [] : matched),
    `WHEN NOT MATCHED${deletes === 'remove' ? ` AND NOT ${deleted}` : ''} THEN`,
    `  INSERT (${names.map(quote).join(', ')})`,
    `  VALUES (${names.map(value).join(', ')})`,
  ].join('\n');
}

/** Literal bounds, which BigQuery needs to prune partitions and blocks. They cover every row, because Id and CreatedDate never change. */
function bounds({ firstId, lastId, months, partitionField }: MergeStatement): string[] {
  const ids = `_target.\`Id\` BETWEEN ${text(firstId)} AND ${text(lastId)}`;
  if (!months) return [ids];
  const column = `_target.${quote(partitionField)}`;
  const ranges = monthRanges(months).map(({ from, to }) => `(${column} >= TIMESTAMP ${text(from)} AND ${column} < TIMESTAMP ${text(to)})`);
  return [ids, `(${ranges.join(' OR ')})`];
}

/** Months as half-open ranges; consecutive months share one. */
function monthRanges(months: readonly string[]): { from: string; to: string }[] {
  const ranges: { from: string; to: string }[] = [];
  for (const month of [...months].sort()) {
    const [year, number] = month.split('-').map(Number) as [number, number];
    const next = number === 12 ? [year + 1, 1] : [year, number + 1];
    const [from, to] = [
      `${month}-01 00:00:00+00`,
      `${String(next[0]).padStart(4, '0')}-${String(next[1]).padStart(2, '0')}-01 00:00:00+00`,
    ];
    const last = ranges.at(-1);
    if (last?.to === from) last.to = to;
    else ranges.push({ from, to });
  }
  return ranges;
}

/** Whether a value is lost: its cast is NULL, or a NUMERIC is rounded to nine decimals. `x` is an expression. */
function isLost(type: ColumnType, x: string): string {
  const lost = `${CASTS[type](x)} IS NULL`;
  const rounded = `SAFE_CAST(${x} AS NUMERIC) != SAFE_CAST(${x} AS BIGNUMERIC)`;
  return `${x} IS NOT NULL AND ${type === 'NUMERIC' ? `(${lost} OR ${rounded})` : lost}`;
}

/** Stores the invalid values of these columns. Idempotent: stores each value of a run once. */
export function invalidValuesStatement(
  invalidValues: TableName,
  objectName: string,
  statement: DeltaStatement,
  columns: readonly FieldColumn[],
): string {
  const found = statement.slices.flatMap(({ table, fieldGroup }) =>
    columns.flatMap((column) => {
      if (groupOf(column) !== fieldGroup) return [];
      const { field, name, type } = column;
      const raw = `NULLIF(${quote(field)}, '')`;
      return [
        `  SELECT DISTINCT \`Id\` AS \`id\`, ${text(name)} AS \`column\`, ${raw} AS \`value\` FROM ${tableName(table)}
  WHERE ${isLost(type, raw)}`,
      ];
    }),
  );
  return `MERGE ${tableName(invalidValues)} AS _kept
USING (
${found.join('\n  UNION DISTINCT\n')}
) AS _found
ON _kept.\`run\` = ${text(statement.runId)} AND _kept.\`id\` = _found.\`id\` AND _kept.\`column\` = _found.\`column\` AND _kept.\`value\` = _found.\`value\`
WHEN NOT MATCHED THEN
  INSERT (\`object\`, \`id\`, \`column\`, \`value\`, \`run\`, \`seen_at\`)
  VALUES (${text(objectName)}, _found.\`id\`, _found.\`column\`, _found.\`value\`, ${text(statement.runId)}, CURRENT_TIMESTAMP())`;
}

/** Deletes the invalid values of an object's rows that are deleted according to a delta table. Idempotent. */
export function eraseInvalidValuesStatement(invalidValues: TableName, objectName: string, delta: TableName): string {
  return `DELETE FROM ${tableName(invalidValues)}
WHERE \`object\` = ${text(objectName)} AND \`id\` IN (SELECT \`Id\` FROM ${tableName(delta)} WHERE \`_deleted_at\` IS NOT NULL)`;
}

/** Widens a column. Idempotent. BigQuery accepts one column per statement. */
export function widenStatement(table: TableName, column: Column): string {
  return `ALTER TABLE ${tableName(table)} ALTER COLUMN ${quote(column.name)} SET DATA TYPE ${column.type}`;
}

/** The query of a live view: the rows of a target table that are not deleted. */
export function liveQuery(target: TableName): string {
  return `SELECT * FROM ${tableName(target)} WHERE \`_deleted_at\` IS NULL`;
}

/** The names of the columns with invalid values, each between spaces; a single space if there are none. */
function invalidNames(columns: readonly Column[]): string {
  const tests = columns.flatMap(({ name, type }) =>
    type === 'STRING' ? [] : [`IF(${isLost(type, quote(name))}, ${text(`${name} `)}, '')`],
  );
  return `CONCAT(${["' '", ...tests].join(', ')})`;
}

function tableName({ project, dataset, table }: TableName): string {
  return quote(`${project}.${dataset}.${table}`);
}

/** A name in backticks. Validated even though names come from Salesforce's describe and our own configuration. */
function quote(name: string): string {
  if (!/^[A-Za-z0-9_.:-]+$/.test(name)) throw new RangeError(`invalid BigQuery name: ${JSON.stringify(name)}`);
  return `\`${name}\``;
}

function text(value: string): string {
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
