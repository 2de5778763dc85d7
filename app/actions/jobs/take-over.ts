import type { Context } from '../../context.ts';
import { columnsOf } from '../../core/fields/columns.ts';
import { canBeCursor } from '../../core/fields/cursor.ts';
import { AppError } from '../../errors.ts';
import type { ObjectDescription } from '../../salesforce/describe.ts';
import { aboutJob, insertChange } from '../../store/audit.ts';
import type { Connection } from '../../store/connections/connections.ts';
import { transaction } from '../../store/database.ts';
import { type HeldJob, type Job, takeOverJob } from '../../store/jobs/jobs.ts';
import { lastFields } from '../../store/runs/runs.ts';
import { checkWindowQuery, describeImportableObject } from './check-object.ts';

/**
 * Moves a job of another user of the same org to this connection: it continues from its `last_date`, in its table. Its open run is
 * cancelled, and the worker of that run is fenced off. Fields that this user cannot see keep their columns, which nothing fills any more;
 * the next receipts list them as `columns_orphaned`.
 * @param force take over even if the other user's connection is active
 * @param by who requested it
 * @throws AppError conflict if it is active and `force` is false; invalid_request if this user cannot see a field that the job needs
 */
export async function takeOver(context: Context, connection: Connection, held: HeldJob, force: boolean, by: string): Promise<Job> {
  const { job } = held;
  const { fields } = await checkTakeOver(context, connection, held, force);
  const seen = new Set(columnsOf(fields).map(({ field }) => field));
  const fieldsLost = (await lastFields(context.database, job.id)).filter((field) => !seen.has(field));
  const taken = await transaction(context.database, async (client) => {
    const moved = await takeOverJob(client, job, connection.id, force);
    if (!moved) throw new AppError('conflict', `The job for ${job.objectName} has just changed. Call create_importing_job again.`);
    const details = { from_connection: job.connectionId };
    await insertChange(client, { by, action: 'job_taken_over', ...aboutJob(job), connectionId: connection.id, details });
    return moved;
  });
  // An earlier describe of this connection may be hours old.
  context.describes.forget(connection.id, job.objectName);
  context.events.jobTakenOver(job, { from: job.connectionId, to: connection.id }, fieldsLost, by);
  for (const { id: runId, kind } of taken.cancelled) context.events.runCancelled({ runId, job, kind });
  return taken.job;
}

/**
 * Checks whether a connection can take a job over. Writes nothing.
 * @returns the object, as this connection's user sees it
 * @throws AppError as `takeOver`
 */
export async function checkTakeOver(
  context: Context,
  connection: Connection,
  { job, holder }: HeldJob,
  force: boolean,
): Promise<ObjectDescription> {
  if (holder.active && !force) {
    throw new AppError(
      'conflict',
      `User ${holder.identityUrl} of the same org already imports ${job.objectName} into ${job.targetDataset}.${job.targetTable}. To move that job, with its last_date, to this user, add take_over=true. Otherwise choose another dataset.`,
    );
  }
  const description = await describeImportableObject(context, connection, job.objectName);
  const seen = new Set(columnsOf(description.fields).map(({ field }) => field));
  const missing = [
    ...(job.cursorField === null || canBeCursor(description.fields, job.cursorField) ? [] : [job.cursorField]),
    ...(job.partitioned && !seen.has('CreatedDate') ? ['CreatedDate'] : []),
    ...(job.deletes !== 'keep' && !seen.has('IsDeleted') ? ['IsDeleted'] : []),
  ];
  if (missing.length > 0) {
    throw new AppError(
      'invalid_request',
      `The job for ${job.objectName} needs ${missing.join(', ')}, which this user cannot see or filter by. Grant read access, then call create_importing_job again.`,
    );
  }
  await checkWindowQuery(context, connection, description, job.cursorField);
  return description;
}
