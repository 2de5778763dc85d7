import type { Column } from '../../core/fields/columns.ts';
import type { Deletes } from '../../core/jobs/deletes.ts';
import { type StagedRows, typedRows } from './delta-statement.ts';
import { quoteName, quoteTable, quoteText, type TableName } from './quote.ts';
import { SYSTEM_COLUMNS } from './table-statements.ts';

/** Where the rows of a delta table are in its target table. */
export interface RowBounds {
  /** the delta table's first and last Id: the statement skips target blocks outside this range */
  firstId: string;
  lastId: string;
  /** the months (YYYY-MM) of the partition field among the delta table's rows; undefined: the target is not partitioned */
  months: readonly string[] | undefined;
  partitionField: string;
}

export interface MergeStatement extends RowBounds {
  target: TableName;
  /** the delta table, or the staged rows of which none would be invalid */
  delta: TableName | StagedRows;
  columns: readonly Column[];
  /** columns of the target table that the delta table lacks, so they are no longer filled */
  orphaned: readonly string[];
  /** those among them whose values would be stale on the rows that are updated */
  emptied: readonly string[];
  cursorField: string;
  /**
   * by the order of the slices in the delta table: a row that was last synced before then is replaced whatever its cursor. undefined: only a
   * newer cursor wins
   */
  replacesBefore?: readonly Date[] | undefined;
  /** the target table is empty, so nothing can match; a MERGE without updates is billed less */
  insertOnly: boolean;
  deletes: Deletes;
}

/**
 * Merges a delta table into the target table. Idempotent and safe to run late: an older version of a row never replaces a newer one.
 * Ids in the delta table are unique, as MERGE requires.
 */
export function mergeStatement(merge: MergeStatement): string {
  const { target, delta, columns, insertOnly, deletes } = merge;
  const names = [...columns, ...SYSTEM_COLUMNS].map(({ name }) => name);
  const deleted = IS_DELETED;
  const value = columnValue(merge);
  const newer = isNewer(merge);
  const updates = names.filter((name) => name !== 'Id').map((name) => `${quoteName(name)} = ${value(name)}`);
  // Columns created for a field have a plain name; columns added by a user may have any name.
  const blanked = deletes === 'blank' ? merge.orphaned.filter((name) => /^\w+$/.test(name) && !merge.emptied.includes(name)) : [];
  updates.push(...merge.emptied.map((name) => `${quoteName(name)} = NULL`));
  updates.push(...blanked.map((name) => `${quoteName(name)} = IF(${deleted}, NULL, _target.${quoteName(name)})`));
  const matched = [
    ...(deletes === 'remove' ? [`WHEN MATCHED AND ${deleted} AND ${newer} THEN\n  DELETE`] : []),
    `WHEN MATCHED AND ${newer} THEN\n  UPDATE SET ${updates.join(', ')}`,
  ];
  return [
    `MERGE ${quoteTable(target)} AS _target`,
    `USING ${rowsOf(delta)} AS _source`,
    `ON ${['_target.`Id` = _source.`Id`', ...rowBounds(merge)].join(' AND ')}`,
    ...(insertOnly ? [] : matched),
    `WHEN NOT MATCHED${deletes === 'remove' ? ` AND NOT ${deleted}` : ''} THEN`,
    `  INSERT (${names.map(quoteName).join(', ')})`,
    `  VALUES (${names.map(value).join(', ')})`,
  ].join('\n');
}

/** Whether the delta table's row is deleted. */
export const IS_DELETED = 'IFNULL(_source.`IsDeleted`, FALSE)';

/** A delta table's rows, or those of staging tables as they would be in one. */
function rowsOf(delta: TableName | StagedRows): string {
  return 'slices' in delta ? `(\n${typedRows(delta)}\n)` : quoteTable(delta);
}

/** The expression of each column's value: a deleted row may lose it. */
export function columnValue({ cursorField, partitionField, deletes }: Pick<MergeStatement, 'cursorField' | 'partitionField' | 'deletes'>) {
  const kept = new Set(['Id', 'IsDeleted', cursorField, partitionField, ...SYSTEM_COLUMNS.map(({ name }) => name)]);
  return (name: string): string =>
    deletes === 'blank' && !kept.has(name) ? `IF(${IS_DELETED}, NULL, _source.${quoteName(name)})` : `_source.${quoteName(name)}`;
}

/** Whether the delta table's row replaces the target table's. */
function isNewer({ cursorField, replacesBefore }: MergeStatement): string {
  const cursor = quoteName(cursorField);
  if (!replacesBefore) return `(_target.${cursor} IS NULL OR _source.${cursor} >= _target.${cursor})`;
  return `(_target.${cursor} IS NULL OR _source.${cursor} > _target.${cursor} OR ${syncedBefore(replacesBefore)})`;
}

/** Whether the target table's row was synced before an instant, which depends on the slice of the delta table's row. */
export function syncedBefore(bySlice: readonly Date[]): string {
  const bounds = bySlice.map((at, order) => `WHEN ${order} THEN TIMESTAMP ${quoteText(at.toISOString())}`).join(' ');
  return `_target.\`_synced_at\` IS NULL OR _target.\`_synced_at\` < CASE _source.\`_slice\` ${bounds} END`;
}

/** Literal bounds, which BigQuery needs to prune partitions and blocks. They cover every row, because Id and CreatedDate never change. */
export function rowBounds({ firstId, lastId, months, partitionField }: RowBounds): string[] {
  const ids = `_target.\`Id\` BETWEEN ${quoteText(firstId)} AND ${quoteText(lastId)}`;
  if (!months) return [ids];
  const column = `_target.${quoteName(partitionField)}`;
  const ranges = monthRanges(months).map(
    ({ from, to }) => `(${column} >= TIMESTAMP ${quoteText(from)} AND ${column} < TIMESTAMP ${quoteText(to)})`,
  );
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
