import type { Column, FieldColumn } from '../../core/fields/columns.ts';
import { BASE_GROUP, fieldsInGroup, groupOf, groupsOf, isJoinedByCursor } from '../../core/fields/field-groups.ts';
import { CASTS, columnValue, invalidCondition } from './casts.ts';
import { type Suppressed, whereNotSuppressed } from './erasure-statements.ts';
import { quoteName, quoteTable, quoteText, type TableName } from './quote.ts';

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

/** Rows of staging tables, to be typed. */
export interface StagedRows {
  slices: StagedSlice[];
  columns: readonly FieldColumn[];
  /** null: the rows have no cursor, and each Id is in one slice of a field group */
  cursorField: string | null;
  /** the end of the run's window */
  windowTo: Date;
  /** the target table is partitioned by the month of this field; undefined: not partitioned */
  partitionField: string | undefined;
  /** whether the months of the cursor are counted as well */
  countsStamps?: boolean;
  runId: string;
  /** records that are left out; undefined: none */
  suppressed?: Suppressed | undefined;
}

export interface DeltaStatement extends StagedRows {
  delta: TableName;
  expiresAt: Date;
}

/** Builds the delta table from the typed rows. Requires the parameter `salt` if a column is hashed. The statement is deterministic per run; core/runs/run-slices.ts bounds its length. */
export function deltaStatement(statement: DeltaStatement): string {
  return `CREATE OR REPLACE TABLE ${quoteTable(statement.delta)}
OPTIONS (expiration_timestamp = TIMESTAMP ${quoteText(statement.expiresAt.toISOString())})
AS
${typedRows(statement)}`;
}

/**
 * Selects the staged rows: typed or hashed, one row per Id, the newest of all extractions. `_invalid` lists the columns with invalid values. Names
 * every column of every staging table, so a missing or swapped column fails.
 *
 * Rows come from the base group. A row without a matching cursor in a group joined by cursor was edited during extraction and is left
 * out: the window of that edit imports it.
 */
export function typedRows(statement: StagedRows): string {
  const { columns, cursorField, runId } = statement;
  const [, ...joined] = groupsOf(columns);
  // Salesforce stores no empty strings: empty text is NULL for every type.
  const texts = columns.map(
    (column) => `NULLIF(${groupName(groupOf(column))}.${quoteName(column.field)}, '') AS ${quoteName(column.name)}`,
  );
  const typed = columns.map((column) => `${columnValue(column, quoteName(column.name))} AS ${quoteName(column.name)}`);
  const hasIsDeleted = columns.some(({ name }) => name === 'IsDeleted');
  const deletedReason = hasIsDeleted ? `IF(\`IsDeleted\`, 'recycle_bin', NULL)` : 'CAST(NULL AS STRING)';
  const deletedAt = hasIsDeleted
    ? `IF(\`IsDeleted\`, ${cursorField === null ? '`_synced_at`' : `IFNULL(${quoteName(cursorField)}, \`_synced_at\`)`}, NULL)`
    : 'CAST(NULL AS TIMESTAMP)';
  return `WITH ${groupName(BASE_GROUP)} AS (
${stagedRows(statement, BASE_GROUP)}
),
${joined.map((group) => `${groupName(group)} AS (\n${newestRows(statement, group)}\n),\n`).join('')}_texts AS (
  SELECT ${groupName(BASE_GROUP)}.\`_slice\`, ${texts.join(', ')}
  FROM ${[groupName(BASE_GROUP), ...joined.map((group) => joinOf(statement, group)), ...whereNotSuppressed(statement.suppressed, `${groupName(BASE_GROUP)}.\`Id\``)].join('\n  ')}
),
_typed AS (
  SELECT
    \`_slice\`,
    ${typed.join(',\n    ')},
    ${invalidNames(columns)} AS \`_invalid\`,
    CURRENT_TIMESTAMP() AS \`_synced_at\`,
    ${quoteText(runId)} AS \`_run\`
  FROM _texts
)
SELECT *, ${deletedAt} AS \`_deleted_at\`, ${deletedReason} AS \`_deleted_reason\`
FROM _typed
QUALIFY ROW_NUMBER() OVER (PARTITION BY \`Id\` ORDER BY ${cursorField === null ? '' : `${quoteName(cursorField)} DESC, `}\`_slice\` DESC) = 1`;
}

/** All rows of a field group, with the order of their slice. */
function stagedRows({ slices, columns, cursorField }: StagedRows, group: number): string {
  const names = fieldsInGroup(columns, group, cursorField).map(quoteName);
  const tables = slices.filter(({ fieldGroup }) => fieldGroup === group);
  if (tables.length === 0) {
    return `  SELECT 0 AS \`_slice\`, ${names.map((name) => `CAST(NULL AS STRING) AS ${name}`).join(', ')} FROM (SELECT 1 AS \`_one\`) AS _none WHERE FALSE`;
  }
  return tables
    .map(({ order, table }) => `  SELECT ${order} AS \`_slice\`, ${names.join(', ')} FROM ${quoteTable(table)}`)
    .join('\n  UNION ALL\n');
}

/** One row of a field group per join key, the one extracted last. */
function newestRows(statement: StagedRows, group: number): string {
  const cursor = joiningCursor(statement, group);
  const key = cursor === null ? '`Id`' : `\`Id\`, ${cursorKey('', cursor)}`;
  return `  SELECT * FROM (
${stagedRows(statement, group)}
  ) AS _staged
  QUALIFY ROW_NUMBER() OVER (PARTITION BY ${key} ORDER BY \`_slice\` DESC) = 1`;
}

function joinOf(statement: StagedRows, group: number): string {
  const [base, other] = [`${groupName(BASE_GROUP)}.`, `${groupName(group)}.`];
  const sameId = `${other}\`Id\` = ${base}\`Id\``;
  const cursor = joiningCursor(statement, group);
  if (cursor === null) return `LEFT JOIN ${groupName(group)} ON ${sameId}`;
  return `JOIN ${groupName(group)} ON ${sameId} AND ${cursorKey(other, cursor)} = ${cursorKey(base, cursor)}`;
}

/** The cursor that a group's rows must have in common with the base group's; null: they match by Id alone. */
export function joiningCursor({ columns, cursorField }: Pick<StagedRows, 'columns' | 'cursorField'>, group: number): string | null {
  return isJoinedByCursor(columns, group) ? cursorField : null;
}

/** A row's cursor, which identifies its state across both APIs; a row without one gets the earliest instant. */
export function cursorKey(prefix: string, cursorField: string): string {
  return `IFNULL(${CASTS.TIMESTAMP(`${prefix}${quoteName(cursorField)}`)}, TIMESTAMP '0001-01-01 00:00:00+00')`;
}

function groupName(group: number): string {
  return `_group_${group}`;
}

/** The names of the columns with invalid values, each between spaces; a single space if there are none. */
function invalidNames(columns: readonly Column[]): string {
  const tests = columns.flatMap(({ name, type }) =>
    type === 'STRING' ? [] : [`IF(${invalidCondition(type, quoteName(name))}, ${quoteText(`${name} `)}, '')`],
  );
  return `CONCAT(${["' '", ...tests].join(', ')})`;
}
