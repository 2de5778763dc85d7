import type { Column, ColumnType, FieldColumn } from '../core/columns.ts';
import type { Deletes } from '../core/deletes.ts';
import { BASE_GROUP, fieldsOf, groupOf, groupsOf, isJoinedByCursor } from '../core/field-groups.ts';

/** A table's full name. */
export interface TableName {
  project: string;
  dataset: string;
  table: string;
}

/** A staging table that goes into a delta table, oldest reading first. */
export interface StagedSlice {
  /** later readings win where the cursor does not tell */
  order: number;
  table: TableName;
  /** whose fields it has */
  fieldGroup: number;
  /** its rows that are stamped before this instant are counted; undefined: they are not */
  countBefore?: Date | undefined;
  /** its rows have no cursor */
  nullCursor?: boolean;
}

export interface DeltaStatement {
  delta: TableName;
  slices: StagedSlice[];
  columns: readonly FieldColumn[];
  cursorField: string;
  /** the end of the run's window */
  windowTo: Date;
  /** by whose month the target table is partitioned; undefined: it is not */
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

/** The columns of the table that keeps what did not cast. */
export const INVALID_VALUES_COLUMNS: readonly Column[] = [
  { name: 'object', type: 'STRING', description: 'The Salesforce object.' },
  { name: 'id', type: 'STRING', description: "The record's Id." },
  { name: 'column', type: 'STRING', description: 'The column that does not hold it: it is NULL, or a rounded number.' },
  { name: 'value', type: 'STRING', description: 'The text as Salesforce gave it.' },
  { name: 'run', type: 'STRING', description: 'The run that met it.' },
  { name: 'seen_at', type: 'TIMESTAMP' },
];

/** The text forms in which Salesforce writes each type, cast; NULL where the text is none of them. `x` is an expression. */
export const CASTS: Record<ColumnType, (x: string) => string> = {
  STRING: (x) => x,
  BOOL: (x) => `SAFE_CAST(${x} AS BOOL)`,
  // Through NUMERIC, so that 12.0 is 12; a fraction is no integer.
  INT64: (x) => {
    const number = `SAFE_CAST(${x} AS NUMERIC)`;
    return `IF(${number} = TRUNC(${number}), SAFE_CAST(${number} AS INT64), NULL)`;
  },
  FLOAT64: (x) => `SAFE_CAST(${x} AS FLOAT64)`,
  NUMERIC: (x) => `SAFE_CAST(${x} AS NUMERIC)`,
  BIGNUMERIC: (x) => `SAFE_CAST(${x} AS BIGNUMERIC)`,
  DATE: (x) => `SAFE_CAST(${x} AS DATE)`,
  // Takes Bulk's Z and REST's +0000.
  TIMESTAMP: (x) => `SAFE.PARSE_TIMESTAMP('%Y-%m-%dT%H:%M:%E*S%Ez', ${x})`,
  TIME: (x) => `SAFE.PARSE_TIME('%H:%M:%E*SZ', ${x})`,
};

// Our own names in the statements below begin with an underscore, as no Salesforce field does: a column that bears the name of a table's
// alias is hidden by it, and BigQuery then refuses the statement.

/**
 * The delta table: typed, one row per Id, the newest of all readings. `_invalid` names the columns that do not hold what their text said.
 * The same for the same run, whoever builds it. It names every column of every staging table, so that each has to be there and none can
 * take another's place; core/run-slices.ts bounds its length.
 *
 * Rows come from the base group. A row that has no state in common with the rows of a group that is joined by cursor was edited while it
 * was read, and is left out: the window that it was edited in has it.
 */
export function deltaStatement(statement: DeltaStatement): string {
  const { delta, columns, cursorField, runId, expiresAt } = statement;
  const [, ...joined] = groupsOf(columns);
  // Salesforce stores no empty strings: an empty text is NULL for every type.
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

/** All rows of a field group, with the order of the slice that they come from. */
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

/** One row of a field group for each row of the base group that it can be joined to: the one that was read last. */
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

/** A row's cursor, by which readings of one state are known, whichever API they come by; without one, an instant before all others. */
function stamp(prefix: string, cursorField: string): string {
  return `IFNULL(${CASTS.TIMESTAMP(`${prefix}${quote(cursorField)}`)}, TIMESTAMP '0001-01-01 00:00:00+00')`;
}

function groupName(group: number): string {
  return `_group_${group}`;
}

/**
 * Counts for the verdict, in one row: `staged_ids`, the base group's distinct Ids, and `whole_ids`, those that all groups which are joined
 * by cursor have in one state, and `torn_in_window`, the others whose newest stamp lies before `windowTo` (only where there are such groups), `delta_rows`, `deleted_rows`, `unusable`, and `invalid_N` for each typed column by its place;
 * where the rows lie: `first_id`, `last_id`, and with a partition field `months`, such as 2023-02,2023-03; and for each slice, by its order,
 * `ids_N`, its distinct Ids, `repeated_N`, which Ids it has more than once (NULL: none), and `before_N`, its rows stamped before `countBefore`.
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

/** In other words than the delta statement's, which it is to check. */
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

/** Counts a target table's rows, as `target_rows`. BigQuery answers it from the table's metadata and bills nothing. */
export function targetCountStatement(target: TableName): string {
  return `SELECT COUNT(*) AS \`target_rows\` FROM ${tableName(target)}`;
}

export interface MergeStatement {
  target: TableName;
  delta: TableName;
  columns: readonly Column[];
  /** columns of the target table that the delta table does not have: nothing fills them any more */
  orphaned: readonly string[];
  cursorField: string;
  /** the target table is empty: nothing can match, and a MERGE that updates nothing is billed less */
  insertOnly: boolean;
  deletes: Deletes;
  /** of the delta table's Ids: the target's blocks outside of them need not be read */
  firstId: string;
  lastId: string;
  /** the months (YYYY-MM) of the partition field among the delta table's rows; undefined: the target is not partitioned */
  months: readonly string[] | undefined;
  partitionField: string;
}

/**
 * Puts a delta table into the target table. May be run again, and late: a row never gives way to an older reading of itself.
 * Two rows of the delta table never have one Id, which MERGE would refuse.
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
  // What once came from a field has its name; a column that somebody else added may have any.
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

/** Literals, since only they let BigQuery leave out partitions and blocks. No row is outside of them: an Id and a CreatedDate never change. */
function bounds({ firstId, lastId, months, partitionField }: MergeStatement): string[] {
  const ids = `_target.\`Id\` BETWEEN ${text(firstId)} AND ${text(lastId)}`;
  if (!months) return [ids];
  const column = `_target.${quote(partitionField)}`;
  const ranges = monthRanges(months).map(({ from, to }) => `(${column} >= TIMESTAMP ${text(from)} AND ${column} < TIMESTAMP ${text(to)})`);
  return [ids, `(${ranges.join(' OR ')})`];
}

/** Months as half-open ranges, those that follow each other in one. */
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

/** Whether a column does not hold what its text said: it is NULL, or, a NUMERIC, was rounded to nine decimals. `x` is an expression. */
function isLost(type: ColumnType, x: string): string {
  const lost = `${CASTS[type](x)} IS NULL`;
  const rounded = `SAFE_CAST(${x} AS NUMERIC) != SAFE_CAST(${x} AS BIGNUMERIC)`;
  return `${x} IS NOT NULL AND ${type === 'NUMERIC' ? `(${lost} OR ${rounded})` : lost}`;
}

/** Keeps the texts of these columns that did not cast. May be run again: what it has kept of a run, it does not keep twice. */
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

/** Erases the texts that were kept of an object's rows which a delta table says are deleted. May be run again. */
export function eraseInvalidValuesStatement(invalidValues: TableName, objectName: string, delta: TableName): string {
  return `DELETE FROM ${tableName(invalidValues)}
WHERE \`object\` = ${text(objectName)} AND \`id\` IN (SELECT \`Id\` FROM ${tableName(delta)} WHERE \`_deleted_at\` IS NOT NULL)`;
}

/** Makes a column hold more. May be run again. BigQuery takes one column a statement. */
export function widenStatement(table: TableName, column: Column): string {
  return `ALTER TABLE ${tableName(table)} ALTER COLUMN ${quote(column.name)} SET DATA TYPE ${column.type}`;
}

/** A view's query: the rows of a target table that are not deleted. */
export function liveQuery(target: TableName): string {
  return `SELECT * FROM ${tableName(target)} WHERE \`_deleted_at\` IS NULL`;
}

/** The names of the columns whose text is there and did not cast, each between blanks; a blank alone where all did. */
function invalidNames(columns: readonly Column[]): string {
  const tests = columns.flatMap(({ name, type }) =>
    type === 'STRING' ? [] : [`IF(${isLost(type, quote(name))}, ${text(`${name} `)}, '')`],
  );
  return `CONCAT(${["' '", ...tests].join(', ')})`;
}

function tableName({ project, dataset, table }: TableName): string {
  return quote(`${project}.${dataset}.${table}`);
}

/** A name in back-ticks. Names come from Salesforce's describe and our own configuration, and are checked all the same. */
function quote(name: string): string {
  if (!/^[A-Za-z0-9_.:-]+$/.test(name)) throw new RangeError(`not a name that BigQuery takes: ${JSON.stringify(name)}`);
  return `\`${name}\``;
}

function text(value: string): string {
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
