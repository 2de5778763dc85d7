import type { Column } from '../../core/fields/columns.ts';
import { type MergeStatement, rowBounds, syncedBefore } from './merge-statement.ts';
import { quoteName, quoteTable, quoteText, type TableName } from './quote.ts';

export interface CompareValuesStatement
  extends Pick<MergeStatement, 'target' | 'cursorField' | 'deletes' | 'firstId' | 'lastId' | 'months' | 'partitionField'> {
  delta: TableName;
  /** the columns to compare: of the delta table and of the target table */
  columns: readonly Column[];
  /** by the order of the slices in the delta table: a row that was synced later may differ from what the slice read */
  replacesBefore: readonly Date[];
  /** rows stamped outside this range need not be in the target table in their current state */
  syncedFrom: Date;
  syncedTo: Date;
}

/**
 * Compares a delta table with the target table, in one row: `equal`, `different`, `absent` (in the target), and
 * `not_judged`: synced since, or not due yet; the first and last Ids of those that differ or are missing; and per column, by its index,
 * `different_N`. NULL equals NULL, and NaN equals NaN.
 */
export function compareValuesStatement(compare: CompareValuesStatement): string {
  const { target, delta, columns } = compare;
  const differences = columns.map(
    ({ name }) => `IF(_target.${quoteName(name)} IS DISTINCT FROM ${expectedValue(compare, name)}, ${quoteText(`${name} `)}, '')`,
  );
  const isDifferent = "`_found` = 'present' AND `_differs` != ' '";
  const firstAndLast = (name: string, condition: string): string[] =>
    ['MIN', 'MAX'].map((end) => `${end}(IF(${condition}, \`_id\`, NULL)) AS \`${end.toLowerCase()}_${name}\``);
  return `WITH _compared AS (
  SELECT
    _source.\`Id\` AS \`_id\`,
    ${foundState(compare)} AS \`_found\`,
    CONCAT(${["' '", ...differences].join(',\n      ')}) AS \`_differs\`
  FROM ${quoteTable(delta)} AS _source
  LEFT JOIN (
    SELECT * FROM ${quoteTable(target)} AS _target WHERE ${rowBounds(compare).join(' AND ')}
  ) AS _target ON _target.\`Id\` = _source.\`Id\`
)
SELECT
  ${[
    "COUNTIF(`_found` = 'removed' OR (`_found` = 'present' AND `_differs` = ' ')) AS `equal`",
    `COUNTIF(${isDifferent}) AS \`different\``,
    "COUNTIF(`_found` = 'absent') AS `absent`",
    "COUNTIF(`_found` = 'not judged') AS `not_judged`",
    ...firstAndLast('different', isDifferent),
    ...firstAndLast('absent', "`_found` = 'absent'"),
    ...columns.map(
      ({ name }, index) =>
        `COUNTIF(\`_found\` = 'present' AND STRPOS(\`_differs\`, ${quoteText(` ${name} `)}) > 0) AS \`different_${index}\``,
    ),
  ].join(',\n  ')}
FROM _compared`;
}

/** What the target table should contain, after the job's treatment of deleted rows. */
function expectedValue({ deletes, cursorField, partitionField }: CompareValuesStatement, name: string): string {
  const value = `_source.${quoteName(name)}`;
  const isKept = ['Id', 'IsDeleted', cursorField, partitionField].includes(name);
  return deletes === 'blank' && !isKept ? `IF(IFNULL(_source.\`IsDeleted\`, FALSE), NULL, ${value})` : value;
}

function foundState({ cursorField, replacesBefore, syncedFrom, syncedTo, deletes }: CompareValuesStatement): string {
  const cursor = `_source.${quoteName(cursorField)}`;
  const [from, to] = [syncedFrom, syncedTo].map((at) => `TIMESTAMP ${quoteText(at.toISOString())}`);
  const isAbsent = '_target.`Id` IS NULL';
  return [
    'CASE',
    `WHEN ${cursor} >= ${to} OR (${isAbsent} AND ${cursor} < ${from}) THEN 'not judged'`,
    ...(deletes === 'remove' ? [`WHEN ${isAbsent} AND _source.\`IsDeleted\` THEN 'removed'`] : []),
    `WHEN ${isAbsent} THEN 'absent'`,
    `WHEN ${syncedBefore(replacesBefore)} THEN 'present'`,
    "ELSE 'not judged' END",
  ].join('\n      ');
}
