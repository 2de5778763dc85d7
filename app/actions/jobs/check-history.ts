import type { Context } from '../../context.ts';
import { CREATED_DATE } from '../../core/fields/cursor.ts';
import { AppError } from '../../errors.ts';
import { findTableConflict, type NamedTables } from '../../store/jobs/table-conflicts.ts';

/**
 * Checks that a job can have tables of these names, and keep versions if it should.
 * @param job with its id, unless it is about to be created
 * @returns `history`
 * @throws AppError invalid_request if no stamp changes with the edits of its object; conflict if another job uses one of the names
 */
export async function checkHistory(
  { database }: Context,
  job: NamedTables & { cursorField: string | null },
  history: boolean,
): Promise<boolean> {
  const { cursorField, targetTable, targetDataset } = job;
  if (history && (cursorField === null || cursorField === CREATED_DATE)) {
    const instead = cursorField === null ? 'each window replaces its whole table' : 'its rows are never edited';
    throw new AppError('invalid_request', `history needs a stamp that changes with each edit. ${targetTable} has none: ${instead}.`);
  }
  const conflict = await findTableConflict(database, job, history);
  if (conflict === undefined) return history;
  throw new AppError(
    'conflict',
    `The tables of ${targetTable} in ${targetDataset} would have a name that the job for ${conflict} uses, because one of the two keeps versions. Choose another dataset, or do without history.`,
  );
}
