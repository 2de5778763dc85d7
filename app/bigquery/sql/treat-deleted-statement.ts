import type { Deletes } from '../../core/jobs/deletes.ts';
import { quoteName, quoteTable, quoteText, type TableName } from './quote.ts';

export interface TreatDeletedStatement {
  target: TableName;
  deletes: Exclude<Deletes, 'keep'>;
  /** the columns that a blanked row loses */
  emptied: readonly string[];
  runId: string;
}

/** Blanks or removes the rows of a target table that are marked as deleted. Idempotent. */
export function treatDeletedStatement({ target, deletes, emptied, runId }: TreatDeletedStatement): string {
  const isDeleted = 'WHERE `_deleted_at` IS NOT NULL';
  if (deletes === 'remove') return `DELETE FROM ${quoteTable(target)}\n${isDeleted}`;
  const assignments = [
    ...emptied.map((name) => `${quoteName(name)} = NULL`),
    // So that incremental models see the change.
    '`_synced_at` = CURRENT_TIMESTAMP()',
    `\`_run\` = ${quoteText(runId)}`,
  ];
  // The alias, because a column may have the table's name.
  return `UPDATE ${quoteTable(target)} AS _target\nSET ${assignments.join(', ')}\n${isDeleted}`;
}
