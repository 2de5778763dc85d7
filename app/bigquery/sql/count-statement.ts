import { BASE_GROUP, groupsOf } from '../../core/fields/field-groups.ts';
import { CASTS } from './casts.ts';
import { cursorKey, type DeltaStatement, joiningCursor, type StagedSlice } from './delta-statement.ts';
import { whereNotSuppressed } from './erasure-statements.ts';
import { quoteName, quoteTable, quoteText } from './quote.ts';
import { NO_STAMP } from './versions-statements.ts';

/**
 * Counts for the verdict, in one row:
 * - `staged_ids`: distinct Ids of the base group; `whole_ids`: those that all groups joined by cursor have in the same state, and
 *   `torn_in_window`: the others if their newest stamp is before `windowTo` (only if there are such groups); `delta_rows`, `deleted_rows`,
 *   `unusable`; and per typed column, by its index, `invalid_N`
 * - the bounds of the rows: `first_id`, `last_id`, with a partition field `months`, for example 2023-02,2023-03, and with `countsStamps`
 *   `stamp_months`, those of the cursor, with `none` for a row without one
 * Suppressed records are not among the staged Ids, as they are not in the delta table.
 * - per slice, by its order: `ids_N`, distinct Ids; `repeated_N`, Ids that occur more than once (NULL: none); `before_N`, rows with a cursor
 *   before `countBefore`
 */
export function countStatement(statement: DeltaStatement): string {
  const { delta, slices, columns, cursorField, partitionField, countsStamps, suppressed } = statement;
  const base = slices.filter(({ fieldGroup }) => fieldGroup === BASE_GROUP);
  const ids = base.map(({ table }) => `SELECT \`Id\` FROM ${quoteTable(table)}`).join(' UNION ALL ');
  const split = [BASE_GROUP, ...groupsOf(columns).filter((group) => joiningCursor(statement, group) !== null)];
  const withoutCursor = slices.filter(({ nullCursor }) => nullCursor).map(({ order }) => order);
  const needed = ['Id', ...(cursorField === null ? [] : [cursorField]), ...(partitionField ? [partitionField] : [])];
  const missing = needed.map((name) => {
    const isNull = `${quoteName(name)} IS NULL`;
    return name === cursorField && withoutCursor.length > 0 ? `(${isNull} AND \`_slice\` NOT IN (${withoutCursor.join(', ')}))` : isNull;
  });
  const perColumn = columns.flatMap(({ name, type }, index) =>
    type === 'STRING' ? [] : [`COUNTIF(STRPOS(\`_invalid\`, ${quoteText(` ${name} `)}) > 0) AS \`invalid_${index}\``],
  );
  return `SELECT
  ${[
    `(SELECT COUNT(DISTINCT \`Id\`) FROM ${[`(${ids})`, ...whereNotSuppressed(suppressed, '`Id`')].join(' ')}) AS \`staged_ids\``,
    ...(split.length > 1 ? countTorn(statement, split, cursorField!) : []),
    'COUNT(*) AS `delta_rows`',
    `COUNTIF(${missing.join(' OR ')}) AS \`unusable\``,
    'COUNTIF(`_deleted_at` IS NOT NULL) AS `deleted_rows`',
    'MIN(`Id`) AS `first_id`',
    'MAX(`Id`) AS `last_id`',
    ...(partitionField ? [`STRING_AGG(DISTINCT FORMAT_TIMESTAMP('%Y-%m', ${quoteName(partitionField)}), ',') AS \`months\``] : []),
    ...(countsStamps
      ? [
          `STRING_AGG(DISTINCT IFNULL(FORMAT_TIMESTAMP('%Y-%m', ${quoteName(cursorField!)}), ${quoteText(NO_STAMP)}), ',') AS \`stamp_months\``,
        ]
      : []),
    ...perColumn,
    ...slices.flatMap((slice) => sliceCounts(slice, cursorField)),
  ].join(',\n  ')}
FROM ${quoteTable(delta)}`;
}

/** Written differently from the delta statement, which it checks. */
function countTorn({ slices, windowTo, suppressed }: DeltaStatement, groups: readonly number[], cursorField: string): string[] {
  const states = slices
    .filter(({ fieldGroup }) => groups.includes(fieldGroup))
    .map(
      ({ fieldGroup, table }) =>
        `SELECT ${fieldGroup} AS \`_group\`, \`Id\` AS \`_id\`, ${cursorKey('', cursorField)} AS \`_stamp\` FROM ${quoteTable(table)}`,
    )
    .join(' UNION ALL ');
  const found = `SELECT \`_id\`, \`_stamp\`, COUNT(DISTINCT \`_group\`) AS \`_groups\` FROM ${[`(${states})`, ...whereNotSuppressed(suppressed, '`_id`')].join(' ')} GROUP BY \`_id\`, \`_stamp\``;
  const torn = `SELECT \`_id\` FROM (${found}) GROUP BY \`_id\` HAVING MAX(\`_groups\`) < ${groups.length} AND MAX(\`_stamp\`) < TIMESTAMP ${quoteText(windowTo.toISOString())}`;
  return [
    `(SELECT COUNT(DISTINCT \`_id\`) FROM (${found}) WHERE \`_groups\` = ${groups.length}) AS \`whole_ids\``,
    `(SELECT COUNT(*) FROM (${torn})) AS \`torn_in_window\``,
  ];
}

function sliceCounts({ order, table, countBefore }: StagedSlice, cursorField: string | null): string[] {
  const staged = quoteTable(table);
  const repeated = `SELECT \`Id\` FROM ${staged} GROUP BY \`Id\` HAVING COUNT(*) > 1`;
  const before =
    countBefore && cursorField && `${CASTS.TIMESTAMP(quoteName(cursorField))} < TIMESTAMP ${quoteText(countBefore.toISOString())}`;
  return [
    `(SELECT COUNT(DISTINCT \`Id\`) FROM ${staged}) AS \`ids_${order}\``,
    `(SELECT CONCAT(CAST(COUNT(*) AS STRING), ' Ids from ', MIN(\`Id\`), ' to ', MAX(\`Id\`)) FROM (${repeated})) AS \`repeated_${order}\``,
    ...(before ? [`(SELECT COUNTIF(${before}) FROM ${staged}) AS \`before_${order}\``] : []),
  ];
}
