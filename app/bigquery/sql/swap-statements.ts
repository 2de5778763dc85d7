import type { Column } from '../../core/fields/columns.ts';
import type { Deletes } from '../../core/jobs/deletes.ts';
import { quoteAnyName, quoteName, quoteTable, type TableName } from './quote.ts';
import { SYSTEM_COLUMNS } from './table-statements.ts';

/** What replaces the rows of a target table. */
export interface SwapStatement {
  target: TableName;
  /** the target table's columns, in its order */
  targetColumns: readonly string[];
  /** the run's delta tables, oldest extraction first; each has one row per Id */
  deltas: readonly TableName[];
  columns: readonly Column[];
  /** columns of the target table, each with its type, that become NULL: nothing fills them any more, and their values would be stale */
  emptied: readonly { name: string; type: string }[];
  /** null: the rows have no cursor */
  cursorField: string | null;
  deletes: Deletes;
  /** stays with a blanked row; undefined: not partitioned */
  partitionField: string | undefined;
}

/**
 * Selects the rows that replace those of the target table, one per Id, the newest of all delta tables. Columns that the run neither
 * fills nor empties keep their values, by Id. Deterministic, so that a job which runs it can be adopted.
 */
export function swapStatement(swap: SwapStatement): string {
  const { target, targetColumns, deltas, deletes } = swap;
  if (deltas.length === 0) return `SELECT * FROM ${quoteTable(target)} WHERE FALSE`;
  const values = valuesOf(swap);
  const carried = carriedColumns(swap);
  const selected = targetColumns.map((name) => `${values.get(name.toLowerCase()) ?? carry(swap, name)} AS ${quoteAnyName(name)}`);
  return [
    `WITH _newest AS (\n${newestRows(swap, [...swap.columns, ...SYSTEM_COLUMNS])}\n)${carried.length > 0 ? ',' : ''}`,
    ...(carried.length > 0 ? [`_kept AS (\n${keptValues(target, carried)}\n)`] : []),
    `SELECT\n  ${selected.join(',\n  ')}`,
    'FROM _newest',
    ...(carried.length > 0 ? ['LEFT JOIN _kept ON _kept.`Id` = _newest.`Id`'] : []),
    ...(deletes === 'remove' ? ['WHERE _newest.`_deleted_at` IS NULL'] : []),
  ].join('\n');
}

/**
 * Counts what the replacement changes, in one row: `found_ids`, distinct Ids of the delta tables, and `found_deleted`, those whose newest row
 * is deleted; and of the target table `before`, its rows, `live`, its distinct Ids that are not deleted, and `missing`, those of them that no
 * delta table has. Written differently from the swap statement, which it checks.
 */
export function swapCountStatement(swap: SwapStatement): string {
  const { target, deltas } = swap;
  const table = quoteTable(target);
  const counts = [
    `(SELECT COUNT(*) FROM ${table}) AS \`before\``,
    `(SELECT COUNT(DISTINCT \`Id\`) FROM ${table} WHERE \`_deleted_at\` IS NULL) AS \`live\``,
  ];
  if (deltas.length === 0)
    return `SELECT\n  0 AS \`found_ids\`,\n  0 AS \`found_deleted\`,\n  ${[...counts, `(SELECT COUNT(DISTINCT \`Id\`) FROM ${table} WHERE \`_deleted_at\` IS NULL) AS \`missing\``].join(',\n  ')}`;
  const found = deltas.map((delta) => `SELECT \`Id\` AS \`_id\` FROM ${quoteTable(delta)}`).join(' UNION DISTINCT ');
  return `WITH _found AS (
  ${found}
),
_newest AS (
${newestRows(swap, [{ name: '_deleted_at' }])}
)
SELECT
  ${[
    '(SELECT COUNT(*) FROM _found) AS `found_ids`',
    '(SELECT COUNTIF(`_deleted_at` IS NOT NULL) FROM _newest) AS `found_deleted`',
    ...counts,
    `(SELECT COUNT(DISTINCT _target.\`Id\`) FROM ${table} AS _target LEFT JOIN _found ON _found.\`_id\` = _target.\`Id\` WHERE _target.\`_deleted_at\` IS NULL AND _found.\`_id\` IS NULL) AS \`missing\``,
  ].join(',\n  ')}`;
}

/** The newest row of each Id over all delta tables, with these columns beside Id. */
function newestRows({ deltas, cursorField }: SwapStatement, columns: readonly Pick<Column, 'name'>[]): string {
  const names = [...new Set(['Id', ...(cursorField === null ? [] : [cursorField]), ...columns.map(({ name }) => name)])];
  const rows = deltas.map(
    (delta, batch) => `    SELECT ${batch} AS \`_batch\`, ${names.map(quoteName).join(', ')} FROM ${quoteTable(delta)}`,
  );
  const order = [...(cursorField === null ? [] : [`${quoteName(cursorField)} DESC`]), '`_batch` DESC'].join(', ');
  return `  SELECT * FROM (
${rows.join('\n    UNION ALL\n')}
  ) AS _staged
  QUALIFY ROW_NUMBER() OVER (PARTITION BY \`Id\` ORDER BY ${order}) = 1`;
}

/** The target table's values of these columns, one row per Id. */
function keptValues(target: TableName, columns: readonly string[]): string {
  return `  SELECT \`Id\`, ${columns.map(quoteAnyName).join(', ')} FROM ${quoteTable(target)} AS _rows WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (PARTITION BY \`Id\` ORDER BY \`_synced_at\` DESC) = 1`;
}

/** The expression of each column that the run fills or empties, by its name in lower case. */
function valuesOf({ columns, emptied, cursorField, deletes, partitionField }: SwapStatement): Map<string, string> {
  const stays = new Set(['Id', 'IsDeleted', cursorField, partitionField, ...SYSTEM_COLUMNS.map(({ name }) => name)]);
  const value = (name: string): string => {
    if (name === '_deleted_at' && carriesDeletedAt(cursorField)) return firstDeletedAt();
    const own = `_newest.${quoteName(name)}`;
    return deletes === 'blank' && !stays.has(name) ? unlessDeleted(own) : own;
  };
  return new Map([
    ...emptied.map(({ name, type }) => [name.toLowerCase(), `CAST(NULL AS ${type})`] as const),
    ...[...columns, ...SYSTEM_COLUMNS].map(({ name }) => [name.toLowerCase(), value(name)] as const),
  ]);
}

/** Columns of the target table from which values are carried over. */
function carriedColumns({ targetColumns, columns, emptied, cursorField }: SwapStatement): string[] {
  const filled = new Set([...columns, ...emptied, ...SYSTEM_COLUMNS].map(({ name }) => name.toLowerCase()));
  const unfilled = targetColumns.filter((name) => !filled.has(name.toLowerCase()));
  return carriesDeletedAt(cursorField) ? [...unfilled, '_deleted_at'] : unfilled;
}

function carry({ deletes }: SwapStatement, name: string): string {
  const kept = `_kept.${quoteAnyName(name)}`;
  return deletes === 'blank' ? unlessDeleted(kept) : kept;
}

/** Without a cursor, nothing says when a row was deleted: it is the time at which that was first seen. */
const carriesDeletedAt = (cursorField: string | null): boolean => cursorField === null;

const firstDeletedAt = (): string => unlessLive('IFNULL(_kept.`_deleted_at`, _newest.`_deleted_at`)');

const unlessLive = (value: string): string => `IF(_newest.\`_deleted_at\` IS NULL, NULL, ${value})`;

const unlessDeleted = (value: string): string => `IF(_newest.\`_deleted_at\` IS NOT NULL, NULL, ${value})`;
