import type { Deletes } from '../../core/jobs/deletes.ts';
import { quoteName, quoteTable, quoteText, type TableName } from './quote.ts';

/** How an Id of the object or of the target table compares. */
export type SweepResult =
  /** the same cursor and deletion state */
  | 'equal'
  /** synced or changed since, so later windows decide */
  | 'not judged'
  /** not in Salesforce, and already marked as deleted */
  | 'marked'
  /** not in Salesforce, according to the sweep */
  | 'missing'
  /** not in the target table, and not due there: outside the job's range, or removed */
  | 'not due'
  /** not in the target table */
  | 'absent'
  /** another cursor or deletion state */
  | 'different';

export interface CompareStatement {
  comparison: TableName;
  target: TableName;
  /** the delta tables with the keys of all rows of the object; an Id is in one of them */
  deltas: readonly TableName[];
  cursorField: string;
  /** places a row without a cursor; undefined: the delta tables lack it */
  createdField: string | undefined;
  /** rows are due in the target table from `from` until before `to` */
  range: { readonly from: Date; readonly to: Date };
  /** a target row that was synced from then on may be newer than the keys */
  judgedBefore: Date;
  deletes: Deletes;
  expiresAt: Date;
}

/**
 * Creates the comparison: one row per Id with `_result`, whether the target's row is live (`_is_live`), whether Salesforce has the record
 * (`_in_org`), and how many rows the target has (`_copies`). Of several rows, compares the newest.
 */
export function compareStatement(compare: CompareStatement): string {
  const { comparison, target, cursorField, createdField, range, deletes, expiresAt } = compare;
  const cursor = quoteName(cursorField);
  const placedBy = createdField === undefined ? cursor : `IFNULL(${cursor}, ${quoteName(createdField)})`;
  const keys = compare.deltas.map(
    (delta) =>
      `  SELECT \`Id\`, ${cursor} AS \`_stamp\`, ${placedBy} AS \`_placed_at\`, ${stateOf()} AS \`_state\` FROM ${quoteTable(delta)}`,
  );
  const none = `  SELECT CAST(NULL AS STRING) AS \`Id\`, CAST(NULL AS TIMESTAMP) AS \`_stamp\`, CAST(NULL AS TIMESTAMP) AS \`_placed_at\`, CAST(NULL AS STRING) AS \`_state\`
  FROM (SELECT 1 AS \`_one\`) AS _none WHERE FALSE`;
  const isDue = `IFNULL(_org.\`_placed_at\` >= ${timestamp(range.from)} AND _org.\`_placed_at\` < ${timestamp(range.to)}, FALSE)`;
  const isSyncedSince = `IFNULL(_kept.\`_synced_at\` >= ${timestamp(compare.judgedBefore)}, FALSE)`;
  const isRemoved = deletes === 'remove' ? ` OR _org.\`_state\` != 'live'` : '';
  return `CREATE OR REPLACE TABLE ${quoteTable(comparison)}
OPTIONS (expiration_timestamp = ${timestamp(expiresAt)})
AS
WITH _org AS (
${keys.length > 0 ? keys.join('\n  UNION ALL\n') : none}
),
_kept AS (
  SELECT \`Id\`, ${cursor} AS \`_stamp\`, ${stateOf()} AS \`_state\`, \`_synced_at\`, COUNT(*) OVER (PARTITION BY \`Id\`) AS \`_copies\`
  FROM ${quoteTable(target)}
  QUALIFY ${newestFirst(cursorField)} = 1
)
SELECT
  \`Id\`,
  CASE
    WHEN _org.\`_state\` IS NULL AND _kept.\`_state\` != 'live' THEN 'marked'
    WHEN _org.\`_state\` IS NULL AND ${isSyncedSince} THEN 'not judged'
    WHEN _org.\`_state\` IS NULL THEN 'missing'
    WHEN _kept.\`_state\` IS NULL AND (NOT ${isDue}${isRemoved}) THEN 'not due'
    WHEN _kept.\`_state\` IS NULL THEN 'absent'
    WHEN _kept.\`_state\` = _org.\`_state\` AND ${orEarliest('_kept.`_stamp`')} = ${orEarliest('_org.`_stamp`')} THEN 'equal'
    WHEN ${isSyncedSince} OR NOT ${isDue} THEN 'not judged'
    ELSE 'different'
  END AS \`_result\`,
  IFNULL(_kept.\`_state\` = 'live', FALSE) AS \`_is_live\`,
  _org.\`_state\` IS NOT NULL AS \`_in_org\`,
  IFNULL(_kept.\`_copies\`, 0) AS \`_copies\`
FROM _org FULL JOIN _kept USING (\`Id\`)`;
}

/** The reason of a deletion, which must agree as well; a row that an earlier release marked has none. */
function stateOf(): string {
  return "IF(`_deleted_at` IS NULL, 'live', IFNULL(`_deleted_reason`, 'recycle_bin'))";
}

function newestFirst(cursorField: string): string {
  return `ROW_NUMBER() OVER (PARTITION BY \`Id\` ORDER BY ${quoteName(cursorField)} DESC, \`_synced_at\` DESC)`;
}

function orEarliest(stamp: string): string {
  return `IFNULL(${stamp}, TIMESTAMP '0001-01-01 00:00:00+00')`;
}

/** Rows that a reimport must repair: Salesforce has the record, but its row is absent, different or repeated. */
const TO_REIMPORT = "`_in_org` AND (`_result` IN ('absent', 'different') OR `_copies` > 1)";

/** Counts a comparison, in one row: the Ids by result, `live` rows, `duplicates`, and `to_reimport`, and the first and last Id of these. */
export function countComparisonStatement(comparison: TableName): string {
  const results = (['equal', 'not judged', 'missing', 'absent', 'different'] as const satisfies SweepResult[]).map(
    (result) => `COUNTIF(\`_result\` = ${quoteText(result)}) AS \`${result.replace(' ', '_')}\``,
  );
  return `SELECT
  ${[
    ...results,
    'COUNTIF(`_is_live`) AS `live`',
    'COUNTIF(`_in_org`) AS `in_org`',
    'COUNTIF(`_copies` > 1) AS `duplicates`',
    `COUNTIF(${TO_REIMPORT}) AS \`to_reimport\``,
    `MIN(IF(${TO_REIMPORT}, \`Id\`, NULL)) AS \`first_id\``,
    `MAX(IF(${TO_REIMPORT}, \`Id\`, NULL)) AS \`last_id\``,
    "MIN(IF(`_result` = 'missing', `Id`, NULL)) AS `first_missing`",
    "MAX(IF(`_result` = 'missing', `Id`, NULL)) AS `last_missing`",
  ].join(',\n  ')}
FROM ${quoteTable(comparison)}`;
}

/** Ids of a comparison to read. */
export type SweptIds = 'missing' | 'duplicates' | 'to reimport';

const IS: Record<SweptIds, string> = { missing: "`_result` = 'missing'", duplicates: '`_copies` > 1', 'to reimport': TO_REIMPORT };

/** Reads up to `limit` Ids of a comparison after `after`, in order. */
export function sweptIdsStatement(comparison: TableName, which: SweptIds, after: string, limit: number): string {
  return `SELECT \`Id\` FROM ${quoteTable(comparison)} WHERE ${IS[which]} AND \`Id\` > ${quoteText(after)} ORDER BY \`Id\` LIMIT ${limit}`;
}

/** Records that Salesforce has these records after all; a reimport reads them. Idempotent. */
export function foundStatement(comparison: TableName, ids: readonly string[]): string {
  return `UPDATE ${quoteTable(comparison)} SET \`_result\` = 'different', \`_in_org\` = TRUE
WHERE \`_result\` = 'missing' AND \`Id\` IN (${ids.map(quoteText).join(', ')})`;
}

export interface MissingStatement {
  comparison: TableName;
  target: TableName;
  /** the columns to clear; empty: the rows keep their values */
  cleared: readonly string[];
  deletes: Deletes;
  runId: string;
  judgedBefore: Date;
  /** the first and last missing Id: BigQuery skips target blocks outside this range */
  firstId: string;
  lastId: string;
}

/**
 * Marks the target's rows that are missing in Salesforce, with or without their values, or removes them. Leaves rows that were synced since.
 * Idempotent.
 */
export function missingStatement({ comparison, target, cleared, deletes, runId, ...bounds }: MissingStatement): string {
  const conditions = [
    `\`Id\` BETWEEN ${quoteText(bounds.firstId)} AND ${quoteText(bounds.lastId)}`,
    `\`Id\` IN (SELECT \`Id\` FROM ${quoteTable(comparison)} WHERE ${IS.missing})`,
    '`_deleted_at` IS NULL',
    `(\`_synced_at\` IS NULL OR \`_synced_at\` < ${timestamp(bounds.judgedBefore)})`,
  ].join('\n  AND ');
  if (deletes === 'remove') return `DELETE FROM ${quoteTable(target)}\nWHERE ${conditions}`;
  const updates = [
    ...cleared.map((name) => `${quoteName(name)} = NULL`),
    '`_synced_at` = CURRENT_TIMESTAMP()',
    `\`_run\` = ${quoteText(runId)}`,
    '`_deleted_at` = CURRENT_TIMESTAMP()',
    "`_deleted_reason` = 'missing'",
  ];
  return `UPDATE ${quoteTable(target)} AS _target\nSET ${updates.join(', ')}\nWHERE ${conditions}`;
}

/** Erases the invalid values of the rows that are missing in Salesforce. Idempotent. */
export function eraseMissingStatement(invalidValues: TableName, objectName: string, comparison: TableName): string {
  return `DELETE FROM ${quoteTable(invalidValues)}
WHERE \`object\` = ${quoteText(objectName)} AND \`id\` IN (SELECT \`Id\` FROM ${quoteTable(comparison)} WHERE ${IS.missing})`;
}

/**
 * Keeps the newest row of each of these Ids, in one step: no condition distinguishes equal rows, so it removes all of them and inserts one again. `ON FALSE` never matches. Idempotent.
 */
export function removeCopiesStatement(target: TableName, ids: readonly string[], cursorField: string): string {
  const isRepeated = `\`Id\` IN (${ids.map(quoteText).join(', ')})`;
  return `MERGE ${quoteTable(target)} AS _target
USING (
  SELECT * FROM ${quoteTable(target)} WHERE ${isRepeated}
  QUALIFY ${newestFirst(cursorField)} = 1
) AS _newest
ON FALSE
WHEN NOT MATCHED BY SOURCE AND _target.${isRepeated} THEN
  DELETE
WHEN NOT MATCHED THEN
  INSERT ROW`;
}

function timestamp(at: Date): string {
  return `TIMESTAMP ${quoteText(at.toISOString())}`;
}
