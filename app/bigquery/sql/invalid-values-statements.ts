import type { Column, FieldColumn } from '../../core/fields/columns.ts';
import { groupOf } from '../../core/fields/field-groups.ts';
import { invalidCondition } from './casts.ts';
import type { DeltaStatement } from './delta-statement.ts';
import { whereNotSuppressed } from './erasure-statements.ts';
import { quoteName, quoteTable, quoteText, type TableName } from './quote.ts';

/** The columns of the table of invalid values. */
export const INVALID_VALUES_COLUMNS: readonly Column[] = [
  { name: 'object', type: 'STRING', description: 'The Salesforce object.' },
  { name: 'id', type: 'STRING', description: "The record's Id." },
  { name: 'column', type: 'STRING', description: 'The column that cannot store the value: it is NULL or a rounded number.' },
  { name: 'value', type: 'STRING', description: 'The text as returned by Salesforce.' },
  { name: 'run', type: 'STRING', description: 'The run that found it.' },
  { name: 'seen_at', type: 'TIMESTAMP', description: 'When the run found it. The table is partitioned by its day.' },
];

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
      const raw = `NULLIF(${quoteName(field)}, '')`;
      return [
        `  SELECT DISTINCT \`Id\` AS \`id\`, ${quoteText(name)} AS \`column\`, ${raw} AS \`value\` FROM ${quoteTable(table)}
  WHERE ${invalidCondition(type, raw)}`,
      ];
    }),
  );
  return `MERGE ${quoteTable(invalidValues)} AS _kept
USING (
${[`SELECT * FROM (\n${found.join('\n  UNION DISTINCT\n')}\n) AS _values`, ...whereNotSuppressed(statement.suppressed, '`id`')].join('\n')}
) AS _found
ON _kept.\`run\` = ${quoteText(statement.runId)} AND _kept.\`id\` = _found.\`id\` AND _kept.\`column\` = _found.\`column\` AND _kept.\`value\` = _found.\`value\`
WHEN NOT MATCHED THEN
  INSERT (\`object\`, \`id\`, \`column\`, \`value\`, \`run\`, \`seen_at\`)
  VALUES (${quoteText(objectName)}, _found.\`id\`, _found.\`column\`, _found.\`value\`, ${quoteText(statement.runId)}, CURRENT_TIMESTAMP())`;
}

/** The newest invalid values of a column of an object. */
export function listInvalidValuesQuery(invalidValues: TableName, objectName: string, column: string, limit: number): string {
  return `SELECT \`id\`, \`value\`, \`run\`, \`seen_at\` FROM ${quoteTable(invalidValues)}
WHERE \`object\` = ${quoteText(objectName)} AND \`column\` = ${quoteText(column)}
ORDER BY \`seen_at\` DESC, \`id\` LIMIT ${limit}`;
}

/** Deletes all invalid values of an object. */
export function deleteInvalidValuesStatement(invalidValues: TableName, objectName: string): string {
  return `DELETE FROM ${quoteTable(invalidValues)} WHERE \`object\` = ${quoteText(objectName)}`;
}

/** Deletes the invalid values of an object's rows that are deleted according to a delta table. Idempotent. */
export function eraseInvalidValuesStatement(invalidValues: TableName, objectName: string, delta: TableName): string {
  return `DELETE FROM ${quoteTable(invalidValues)}
WHERE \`object\` = ${quoteText(objectName)} AND \`id\` IN (SELECT \`Id\` FROM ${quoteTable(delta)} WHERE \`_deleted_at\` IS NOT NULL)`;
}
