import type { Column } from '../../core/fields/columns.ts';
import type { Deletes } from '../../core/jobs/deletes.ts';
import { type RowBounds, rowBounds } from './merge-statement.ts';
import { quoteName, quoteTable, quoteText, type TableName } from './quote.ts';

export interface RefreshStatement extends RowBounds {
  target: TableName;
  delta: TableName;
  /** the columns to update; at least one */
  columns: readonly Column[];
  cursorField: string;
  /** by the order of the slices in the delta table: when they were requested from Salesforce */
  requestedAt: readonly Date[];
  deletes: Deletes;
}

/**
 * Updates some columns of the rows that both tables have, where a value differs. Leaves rows that are newer than the delta table: those with a
 * newer cursor, and those that were synced after their slice was requested. Unlike a reimport, needs no margin for clocks that differ: the
 * same version of a row has the same values, except calculated ones, which are then only as old as the clocks differ. Leaves rows that
 * are deleted on one side only, because a reimport must replace them, and blanked rows. Never changes the cursor, so what a window
 * imports later still wins. Idempotent.
 */
export function refreshStatement(refresh: RefreshStatement): string {
  const { target, delta, columns, deletes } = refresh;
  const names = columns.map(({ name }) => quoteName(name));
  const isLive = (table: string): string => `${table}.\`_deleted_at\` IS NULL`;
  return [
    `MERGE ${quoteTable(target)} AS _target`,
    `USING ${quoteTable(delta)} AS _source`,
    `ON ${['_target.`Id` = _source.`Id`', ...rowBounds(refresh)].join(' AND ')}`,
    `WHEN MATCHED AND ${isUpToDate(refresh)}`,
    `  AND ${deletes === 'keep' ? `(${isLive('_target')}) = (${isLive('_source')})` : `${isLive('_target')} AND ${isLive('_source')}`}`,
    // Treats two NULLs, or two NaNs, as equal (BigQuery docs, "IS DISTINCT FROM").
    `  AND (${names.map((name) => `_target.${name} IS DISTINCT FROM _source.${name}`).join(' OR ')}) THEN`,
    // Now, not when the row was typed: a sweep may take hours, and an incremental model would skip a time before its last one.
    `  UPDATE SET ${[...names.map((name) => `${name} = _source.${name}`), '`_synced_at` = CURRENT_TIMESTAMP()', '`_run` = _source.`_run`'].join(', ')}`,
  ].join('\n');
}

/** Whether the delta table's row is at least as new as the target table's. */
function isUpToDate({ cursorField, requestedAt }: RefreshStatement): string {
  const cursor = quoteName(cursorField);
  const times = requestedAt.map((at, order) => `WHEN ${order} THEN TIMESTAMP ${quoteText(at.toISOString())}`).join(' ');
  const isEarlier = `_target.\`_synced_at\` IS NULL OR _target.\`_synced_at\` < CASE _source.\`_slice\` ${times} END`;
  return [
    `(_target.${cursor} IS NULL OR _source.${cursor} > _target.${cursor}`,
    `OR (_source.${cursor} = _target.${cursor} AND (${isEarlier})))`,
  ].join(' ');
}
