import type { Context } from '../../context.ts';
import { dictionaryOf } from '../../core/fields/dictionary.ts';
import { saveDescribedFields } from '../../store/jobs/described-fields.ts';
import { type Run, saveDescribed } from '../../store/runs/runs.ts';
import type { Seen } from './extraction.ts';

/** Records that a run's fields match a current describe, and what it says about them. @throws AppError lease_lost */
export async function recordDescribed(context: Context, run: Run, seen: Seen): Promise<Run> {
  await recordDictionary(context, run, seen);
  return await saveDescribed(context.database, run);
}

/** Saves the fields of a run's object for analysts. @throws AppError lease_lost */
export async function recordDictionary({ database }: Context, run: Run, { fields, columns }: Seen): Promise<void> {
  await saveDescribedFields(database, run, dictionaryOf(fields, columns));
}
