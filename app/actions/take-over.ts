import type { Context } from '../context.ts';
import { columnsOf } from '../core/columns.ts';
import { canCutWindows } from '../core/cursor.ts';
import { AppError } from '../errors.ts';
import type { Connection } from '../store/connections.ts';
import { type HeldJob, type Job, takeOverJob } from '../store/jobs.ts';
import { lastFields } from '../store/runs.ts';
import { describeImportable, tryWindow } from './check-object.ts';

/**
 * Moves a job of another user of the same org to this connection: it goes on from its `last_date`, in its table. Its open run is cancelled,
 * and the worker that has it can write nothing more. Fields that this user does not see keep their columns, which nothing fills any more:
 * the next receipts list them as `columns_orphaned`.
 * @param force also where the other user's connection is active
 * @throws AppError conflict where it is active and not forced; invalid_request where this user does not see what the job needs
 */
export async function takeOver(context: Context, connection: Connection, held: HeldJob, force: boolean): Promise<Job> {
  const { job, holder } = held;
  if (holder.active && !force) {
    throw new AppError(
      'conflict',
      `The user ${holder.identityUrl} of the same org imports ${job.objectName} into ${job.targetDataset}.${job.targetTable}. Add take_over=true to move that job, with its last_date, to this user, or give another dataset.`,
    );
  }
  const description = await describeImportable(context, connection, job.objectName);
  const seen = new Set(columnsOf(description.fields).map(({ field }) => field));
  const missing = [
    ...(canCutWindows(description.fields, job.cursorField) ? [] : [job.cursorField]),
    ...(job.partitioned && !seen.has('CreatedDate') ? ['CreatedDate'] : []),
    ...(job.deletes !== 'keep' && !seen.has('IsDeleted') ? ['IsDeleted'] : []),
  ];
  if (missing.length > 0) {
    throw new AppError(
      'invalid_request',
      `The job of ${job.objectName} needs ${missing.join(', ')}, which this user may not see or filter by. Let the user see it, then call create_importing_job again.`,
    );
  }
  await tryWindow(context, connection, description, job.cursorField);
  const fieldsLost = (await lastFields(context.database, job.id)).filter((field) => !seen.has(field));
  const taken = await takeOverJob(context.database, job, connection.id, force);
  if (!taken) throw new AppError('conflict', `The job of ${job.objectName} has just changed. Call create_importing_job again.`);
  // What was described for this connection before may be hours old.
  context.describes.forget(connection.id, job.objectName);
  const about = { job: job.id, object: job.objectName };
  context.log.info({
    event: 'job_taken_over',
    ...about,
    from_connection: job.connectionId,
    connection: connection.id,
    fields_lost: fieldsLost,
  });
  if (taken.cancelledRunId) context.log.info({ event: 'run_cancelled', run: taken.cancelledRunId, ...about });
  return taken.job;
}
