import type { Context } from '../context.ts';
import { AppError } from '../errors.ts';
import { findTableConflict, type NamedTables } from '../store/table-conflicts.ts';

/**
 * Checks that a job can have tables of these names, and keep versions if it should.
 * @param job with its id, unless it is about to be created
 * @returns `history`
 * @throws AppError invalid_request if its object has no stamps; conflict if another job uses one of the names
 */
export async function requireVersionable(
  { database }: Context,
  job: NamedTables & { cursorField: string | null },
  history: boolean,
): Promise<boolean> {
  const { cursorField, targetTable, targetDataset } = job;
  if (history && cursorField === null) {
    throw new AppError(
      'invalid_request',
      `history needs a stamp that changes with each edit, and ${targetTable} has none: each window replaces its whole table.`,
    );
  }
  const conflict = await findTableConflict(database, job, history);
  if (conflict === undefined) return history;
  throw new AppError(
    'conflict',
    `The tables of ${targetTable} in ${targetDataset} would have a name that the job for ${conflict} uses, because one of the two keeps versions. Choose another dataset, or do without history.`,
  );
}
