import type { Column } from '../../core/fields/columns.ts';
import type { Deletes } from '../../core/jobs/deletes.ts';
import { columnValue, IS_DELETED, type RowBounds, rowBounds } from './merge-statement.ts';
import { quoteAnyName, quoteName, quoteTable, quoteText, type TableName } from './quote.ts';
import { SYSTEM_COLUMNS } from './table-statements.ts';

/** When a version begins: its stamp, or when a sweep found its record to be missing. NULL: the record had no stamp. */
export const VALID_FROM: Column = {
  name: '_valid_from',
  type: 'TIMESTAMP',
  description:
    'When the record got these values: its stamp in Salesforce. Of a record that was found to be missing: when that was found. NULL: the record had no stamp. The table is partitioned by its month.',
};

/** A column of the view of versions. */
export const VALID_TO: Column = {
  name: '_valid_to',
  type: 'TIMESTAMP',
  description: 'When the next version of the record begins. NULL: this is its newest version.',
};

/** The query of a view of versions: each with the time at which the next one begins. */
export function validVersionsQuery(versions: TableName): string {
  return `SELECT *, LEAD(\`_valid_from\`) OVER (PARTITION BY \`Id\` ORDER BY \`_valid_from\`) AS \`_valid_to\` FROM ${quoteTable(versions)}`;
}

/** Among the months of stamps: a row without a stamp. */
export const NO_STAMP = 'none';

/** The versions that a delta table's rows are. */
export interface VersionsStatement extends Omit<RowBounds, 'months'> {
  versions: TableName;
  delta: TableName;
  columns: readonly Column[];
  cursorField: string;
  deletes: Deletes;
  /** the months (YYYY-MM) of the rows' stamps, or `none` for a row without one; undefined: unknown */
  stampMonths: readonly string[] | undefined;
}

/**
 * Adds the delta table's rows as versions, except those whose Id and stamp already have one, and rows that are removed. Idempotent, unless
 * two of them run at the same time: BigQuery sees no conflict between insert-only MERGEs.
 */
export function addVersionsStatement(statement: VersionsStatement): string {
  const { versions, delta, columns, cursorField, deletes } = statement;
  const names = [...columns, ...SYSTEM_COLUMNS].map(({ name }) => name);
  return [
    `MERGE ${quoteTable(versions)} AS _target`,
    `USING ${quoteTable(delta)} AS _source`,
    `ON ${isVersionOf(statement).join(' AND ')}`,
    `WHEN NOT MATCHED${deletes === 'remove' ? ` AND NOT ${IS_DELETED}` : ''} THEN`,
    `  INSERT (${[...names, VALID_FROM.name].map(quoteName).join(', ')})`,
    `  VALUES (${[...names.map(columnValue(statement)), `_source.${quoteName(cursorField)}`].join(', ')})`,
  ].join('\n');
}

/**
 * Counts the versions that the delta table's rows have, in one row: `present`, `ids`, distinct Ids among them, and `added`, those that
 * the run added. Leaves out rows that are removed.
 */
export function countVersionsStatement(statement: VersionsStatement, runId: string): string {
  const { versions, delta, deletes } = statement;
  return `SELECT
  COUNT(*) AS \`present\`,
  COUNT(DISTINCT _source.\`Id\`) AS \`ids\`,
  COUNTIF(_target.\`_run\` = ${quoteText(runId)}) AS \`added\`
FROM ${quoteTable(delta)} AS _source
JOIN ${quoteTable(versions)} AS _target
ON ${isVersionOf(statement).join(' AND ')}${deletes === 'remove' ? `\nWHERE NOT ${IS_DELETED}` : ''}`;
}

/** Conditions that a version is that of a delta table's row. With literal bounds, which BigQuery needs to prune partitions and blocks. */
function isVersionOf({ cursorField, stampMonths, ...bounds }: VersionsStatement): string[] {
  const stamp = `_source.${quoteName(cursorField)}`;
  const months = stampMonths?.filter((month) => month !== NO_STAMP);
  const [ids, ranges] = rowBounds({ ...bounds, months: months?.length === 0 ? undefined : months, partitionField: VALID_FROM.name });
  const hasNone = stampMonths !== undefined && stampMonths.length !== months?.length;
  const inMonths = [...(ranges ? [ranges] : []), ...(hasNone ? ['_target.`_valid_from` IS NULL'] : [])];
  return [
    '_target.`Id` = _source.`Id`',
    ids!,
    ...(inMonths.length > 0 ? [`(${inMonths.join(' OR ')})`] : []),
    `(_target.\`_valid_from\` = ${stamp} OR (_target.\`_valid_from\` IS NULL AND ${stamp} IS NULL))`,
  ];
}

/** Versions that a target table's rows are. */
export interface CopyStatement {
  versions: TableName;
  target: TableName;
  /** the columns that both tables have */
  names: readonly string[];
  cursorField: string;
}

/**
 * Adds the target table's rows as versions, except those that already are, also if they say that a record is missing since another time. Reads
 * the whole table. Idempotent, like `addVersionsStatement`.
 */
export function copyVersionsStatement({ versions, target, names, cursorField }: CopyStatement): string {
  const validFrom = `IF(\`_deleted_reason\` = 'missing', \`_deleted_at\`, ${quoteName(cursorField)})`;
  const columns = names.map(quoteAnyName);
  return `MERGE ${quoteTable(versions)} AS _target
USING (
  SELECT ${columns.join(', ')}, ${validFrom} AS \`_valid_from\` FROM ${quoteTable(target)} AS _rows
  WHERE IFNULL(\`_deleted_reason\`, '') != 'missing'
    OR \`Id\` NOT IN (SELECT \`Id\` FROM ${quoteTable(versions)} WHERE \`_deleted_reason\` = 'missing')
  QUALIFY ROW_NUMBER() OVER (PARTITION BY \`Id\` ORDER BY ${quoteName(cursorField)} DESC, \`_synced_at\` DESC) = 1
) AS _source
ON _target.\`Id\` = _source.\`Id\`
  AND (_target.\`_valid_from\` = _source.\`_valid_from\` OR (_target.\`_valid_from\` IS NULL AND _source.\`_valid_from\` IS NULL))
WHEN NOT MATCHED THEN
  INSERT (${[...columns, '`_valid_from`'].join(', ')})
  VALUES (${[...columns, '`_valid_from`'].map((column) => `_source.${column}`).join(', ')})`;
}

/**
 * Selects each `month` (YYYY-MM) in which a record was found to be missing. Costs next to nothing, however large the table is: NULLs are not
 * billed, and few versions have a reason.
 */
export function missingMonthsStatement(versions: TableName): string {
  return `SELECT DISTINCT FORMAT_TIMESTAMP('%Y-%m', \`_deleted_at\`) AS \`month\` FROM ${quoteTable(versions)} WHERE \`_deleted_reason\` = 'missing'`;
}

/**
 * Counts the delta table's records that have a version that says that they are missing, in one row: `returned`.
 * @param months those in which records were found to be missing
 */
export function countReturnedStatement({ versions, delta, firstId, lastId }: VersionsStatement, months: readonly string[]): string {
  // Such a version begins when it was found.
  const bounds = rowBounds({ firstId, lastId, months, partitionField: VALID_FROM.name });
  return `SELECT COUNT(*) AS \`returned\`
FROM ${quoteTable(delta)} AS _source
JOIN ${quoteTable(versions)} AS _target
ON ${['_target.`Id` = _source.`Id`', ...bounds].join(' AND ')}
WHERE _target.\`_deleted_reason\` = 'missing' AND _source.\`_deleted_at\` IS NULL`;
}

/**
 * Removes the versions that say that a record is missing, if the delta table has it: it was only hidden. A blanked one with the same stamp is
 * removed as well, so that it can be added again. Idempotent.
 */
export function removeMissingStatement({ versions, delta, cursorField, deletes, firstId, lastId }: VersionsStatement): string {
  const isWithin = (prefix: string): string => `${prefix}\`Id\` BETWEEN ${quoteText(firstId)} AND ${quoteText(lastId)}`;
  const saysMissing = "_target.`_deleted_reason` = 'missing'";
  return `MERGE ${quoteTable(versions)} AS _target
USING (
  SELECT \`Id\`, ${quoteName(cursorField)} AS \`_stamp\` FROM ${quoteTable(delta)} AS _rows
  WHERE \`_deleted_at\` IS NULL AND \`Id\` IN (
    SELECT \`Id\` FROM ${quoteTable(versions)} WHERE \`_deleted_reason\` = 'missing' AND ${isWithin('')})
) AS _source
ON _target.\`Id\` = _source.\`Id\` AND ${isWithin('_target.')}
  AND ${deletes === 'blank' ? `(${saysMissing} OR _target.\`_valid_from\` = _source.\`_stamp\`)` : saysMissing}
WHEN MATCHED THEN
  DELETE`;
}

/** Records that Salesforce no longer has. */
export type MissingRecords =
  /** missing according to a sweep's comparison, between these Ids */
  | { kind: 'swept'; comparison: TableName; firstId: string; lastId: string }
  /** neither in the target table nor in the org, according to a sweep's comparison: a run may have ended between its versions and its rows */
  | { kind: 'absent'; comparison: TableName; target: TableName; versionsBefore: Date }
  /** no longer in the target table, which was replaced by all rows that are due before an instant */
  | { kind: 'replaced'; target: TableName; dueBefore: Date };

export interface MissingVersionsStatement {
  versions: TableName;
  records: MissingRecords;
  /** the table's columns */
  names: readonly string[];
  runId: string;
}

/**
 * Adds a version of each missing record, with the values of its newest one, which says since when it is missing. Idempotent, unless two of
 * them run at the same time.
 */
export function addMissingStatement({ versions, records, names, runId }: MissingVersionsStatement): string {
  const marks = ['_synced_at', '_run', '_deleted_at', '_deleted_reason', VALID_FROM.name];
  const columns = names.filter((name) => !marks.includes(name)).map(quoteAnyName);
  const now = 'CURRENT_TIMESTAMP()';
  return `MERGE ${quoteTable(versions)} AS _target
USING (
  SELECT * FROM ${quoteTable(versions)} WHERE ${isMissing(records, versions)}
  QUALIFY ROW_NUMBER() OVER (PARTITION BY \`Id\` ORDER BY \`_valid_from\` DESC) = 1
) AS _source
ON FALSE
WHEN NOT MATCHED AND _source.\`_deleted_at\` IS NULL THEN
  INSERT (${[...columns, ...marks.map(quoteName)].join(', ')})
  VALUES (${[...columns.map((column) => `_source.${column}`), now, quoteText(runId), now, "'missing'", now].join(', ')})`;
}

/** Counts the missing records of a table of versions, in one row: `records`, and `live`, those whose newest version says that they exist. */
export function countMissingStatement(versions: TableName, records: MissingRecords): string {
  return `SELECT COUNT(*) AS \`records\`, COUNTIF(\`_deleted_at\` IS NULL) AS \`live\`
FROM (
  SELECT \`Id\`, \`_deleted_at\` FROM ${quoteTable(versions)} WHERE ${isMissing(records, versions)}
  QUALIFY ROW_NUMBER() OVER (PARTITION BY \`Id\` ORDER BY \`_valid_from\` DESC) = 1
) AS _newest`;
}

function isMissing(records: MissingRecords, versions: TableName): string {
  const isIn = (table: TableName, condition: string): string => `IN (SELECT \`Id\` FROM ${quoteTable(table)} WHERE ${condition})`;
  // A version that says that its record is missing may have just been added.
  const since = (column: string, at: Date): string =>
    `${quoteName(column)} >= TIMESTAMP ${quoteText(at.toISOString())} AND (\`_deleted_reason\` IS NULL OR \`_deleted_reason\` != 'missing')`;
  switch (records.kind) {
    case 'swept':
      return [
        `\`Id\` BETWEEN ${quoteText(records.firstId)} AND ${quoteText(records.lastId)}`,
        `\`Id\` ${isIn(records.comparison, "`_result` = 'missing'")}`,
      ].join(' AND ');
    case 'absent':
      return [
        `\`Id\` NOT ${isIn(records.target, 'TRUE')}`,
        `\`Id\` NOT ${isIn(records.comparison, '`_in_org`')}`,
        `\`Id\` NOT ${isIn(versions, since('_synced_at', records.versionsBefore))}`,
      ].join(' AND ');
    case 'replaced':
      return `\`Id\` NOT ${isIn(records.target, 'TRUE')} AND \`Id\` NOT ${isIn(versions, since(VALID_FROM.name, records.dueBefore))}`;
  }
}

/** Whose versions lose their values: records that are missing, or deleted according to one of these tables. */
export type DeletedRecords =
  | MissingRecords
  /** up to the stamp that the record has there: it may have been restored since */
  | { kind: 'delta'; delta: TableName; cursorField: string }
  | { kind: 'target'; target: TableName };

export interface TreatVersionsStatement {
  versions: TableName;
  records: DeletedRecords;
  deletes: Exclude<Deletes, 'keep'>;
  /** the columns that a blanked version loses */
  emptied: readonly string[];
}

/** Blanks or removes the versions of deleted records. Idempotent. */
export function treatVersionsStatement({ versions, records, deletes, emptied }: TreatVersionsStatement): string {
  const updates = [...emptied.map((name) => `${quoteName(name)} = NULL`), '`_synced_at` = CURRENT_TIMESTAMP()'];
  return `MERGE ${quoteTable(versions)} AS _target
USING (
  ${deletedRecords(records, versions)}
) AS _source
ON _target.\`Id\` = _source.\`Id\`
  AND (_source.\`_stamp\` IS NULL OR _target.\`_valid_from\` IS NULL OR _target.\`_valid_from\` <= _source.\`_stamp\`)
WHEN MATCHED THEN
  ${deletes === 'remove' ? 'DELETE' : `UPDATE SET ${updates.join(', ')}`}`;
}

/** Selects each record once, with the stamp up to which its versions are treated. */
function deletedRecords(records: DeletedRecords, versions: TableName): string {
  const isDeleted = 'WHERE `_deleted_at` IS NOT NULL';
  if (records.kind === 'delta') {
    return `SELECT \`Id\`, ${quoteName(records.cursorField)} AS \`_stamp\` FROM ${quoteTable(records.delta)} ${isDeleted}`;
  }
  const found =
    records.kind === 'target'
      ? `${quoteTable(records.target)} ${isDeleted}`
      : `${quoteTable(versions)} WHERE ${isMissing(records, versions)}`;
  return `SELECT DISTINCT \`Id\`, CAST(NULL AS TIMESTAMP) AS \`_stamp\` FROM ${found}`;
}
