import { findDefaults, removeDefaultsCommand } from '../bigquery/datasets.ts';
import type { Context } from '../context.ts';
import { CREATED_STAMP, chooseCursor } from '../core/cursor.ts';
import { type Deletes, parseDeletes } from '../core/deletes.ts';
import { isWorthPartitioning } from '../core/partitioning.ts';
import { formatStartDate, parseStartDate } from '../core/start-date.ts';
import { windowEnd } from '../core/window.ts';
import { AppError } from '../errors.ts';
import { describeError } from '../log.ts';
import type { ObjectDescription } from '../salesforce/describe.ts';
import { recordCount } from '../salesforce/record-count.ts';
import type { Connection } from '../store/connections.ts';
import { findHeldJob, findJob, insertJob, type Job } from '../store/jobs.ts';
import { describeImportable, mayLackCursor, refuseWithoutCursor, tryWindow } from './check-object.ts';
import { takeOver } from './take-over.ts';

export interface JobRequest {
  objectName: string;
  /** YYYY-MM-DD, or all */
  startDate: string;
  /** undefined: the first of the configured ones */
  dataset: string | undefined;
  /** undefined: keep */
  deletes: string | undefined;
  /** that rows are never edited; undefined: not said */
  appendOnly: boolean | undefined;
  /** to take over a job of another user of the org whose connection is active */
  takeOver: boolean;
}

/**
 * Creates a job, finds the very same one, or takes over that of another user of the org. Nothing is written before everything was checked.
 * @throws AppError invalid_request, not_found, conflict, salesforce_refused, and what a describe may give
 */
export async function createJob(context: Context, connection: Connection, request: JobRequest): Promise<Job> {
  const now = await context.scheduleNow();
  const startDate = parseStartDate(request.startDate, windowEnd(now, 'day'));
  const targetDataset = chooseDataset(context, request.dataset);
  const deletes = parseDeletes(request.deletes);
  const existing = await findExisting(context, connection, request, startDate, targetDataset);
  if (existing) return existing;

  const description = await describeImportable(context, connection, request.objectName);
  const cursorField = chooseCursor(description.fields) ?? refuseWithoutCursor(description);
  const appendOnly = chooseAppendOnly(description, cursorField, request.appendOnly);
  await tryWindow(context, connection, description, cursorField);
  const job = {
    connectionId: connection.id,
    objectName: description.name,
    cursorField,
    cursorNillable: await mayLackCursor(context, connection, description, cursorField),
    targetDataset,
    targetTable: description.name,
    partitioned: await choosePartitioning(context, connection, description),
    deletes: requireDeletable(description, deletes),
    appendOnly,
    startDate,
    activeSince: now,
  };
  const created = await insertJob(context.database, job);
  if (created) {
    context.log.info({
      event: 'job_created',
      job: created.id,
      object: created.objectName,
      start_date: formatStartDate(startDate),
      append_only: appendOnly,
    });
    await warnOfDefaults(context, created);
    return created;
  }
  // Another call was quicker.
  const other = await findExisting(context, connection, request, startDate, targetDataset);
  if (other) return other;
  throw new AppError(
    'conflict',
    `A job of another org has the table ${targetDataset}.${description.name}. Give another dataset, of ${context.config.bigquery.datasets.join(', ')}: rows of two orgs never share a table.`,
  );
}

/** The same job, of this user or taken over from another user of the org. @throws AppError conflict where it is not the same */
async function findExisting(
  context: Context,
  connection: Connection,
  request: JobRequest,
  startDate: Date,
  targetDataset: string,
): Promise<Job | undefined> {
  const own = await findJob(context.database, connection.id, request.objectName);
  if (own) return requireSame(own, startDate, request);
  const held = await findHeldJob(context.database, connection.orgId, request.objectName, request.dataset, targetDataset);
  if (!held) return undefined;
  requireSame(held.job, startDate, request);
  return await takeOver(context, connection, held, request.takeOver);
}

/** The job's own tables are spared them. Nothing depends on the answer, so the job is created without one, too. */
async function warnOfDefaults({ warehouse, config, log }: Context, { id, targetDataset }: Job): Promise<void> {
  try {
    const defaults = await findDefaults(warehouse, targetDataset);
    const remove = removeDefaultsCommand(config.bigquery.project, targetDataset);
    if (defaults) log.warn({ event: 'dataset_has_default_expiration', job: id, ...defaults, remove });
  } catch (error) {
    log.warn({ event: 'dataset_not_checked', job: id, dataset: targetDataset, ...describeError(error) });
  }
}

function chooseDataset(context: Context, wanted: string | undefined): string {
  const { datasets } = context.config.bigquery;
  const chosen = wanted ?? datasets[0]!;
  if (datasets.includes(chosen)) return chosen;
  throw new AppError('invalid_request', `dataset must be one of ${datasets.join(', ')}: others are added with BIGQUERY_DATASETS.`);
}

function requireSame(job: Job, startDate: Date, { dataset, deletes, appendOnly }: JobRequest): Job {
  if (job.startDate.getTime() !== startDate.getTime()) {
    const since = formatStartDate(job.startDate);
    throw new AppError('conflict', `There is a job for ${job.objectName} with start_date ${since}: a job's start_date cannot be changed.`);
  }
  if (dataset !== undefined && dataset !== job.targetDataset) {
    throw new AppError(
      'conflict',
      `There is a job for ${job.objectName} in dataset ${job.targetDataset}: a job's dataset cannot be changed.`,
    );
  }
  if (deletes !== undefined && deletes !== job.deletes) {
    throw new AppError('conflict', `There is a job for ${job.objectName} with deletes ${job.deletes}: a job's deletes cannot be changed.`);
  }
  if (appendOnly !== undefined && appendOnly !== job.appendOnly) {
    throw new AppError(
      'conflict',
      `There is a job for ${job.objectName} with append_only ${job.appendOnly}: a job's append_only cannot be changed.`,
    );
  }
  return job;
}

/** Whether rows are never edited: said by the caller, and sure of an object that can only grow, such as AccountHistory. */
function chooseAppendOnly({ name, updateable }: ObjectDescription, cursorField: string, wanted: boolean | undefined): boolean {
  if (cursorField !== CREATED_STAMP) return wanted ?? false;
  if (wanted ?? !updateable) return true;
  throw new AppError(
    'invalid_request',
    `Edits of ${name} would be missed: the only stamp by which the connection's user can filter it is CreatedDate, which no edit moves. Let the user see SystemModstamp or LastModifiedDate; or, if its rows are never edited, add append_only=true.`,
  );
}

/** Decided once: a table's partitioning cannot be changed. */
async function choosePartitioning(context: Context, connection: Connection, { name, fields }: ObjectDescription): Promise<boolean> {
  if (!fields.some((field) => field.name === 'CreatedDate')) return false;
  return isWorthPartitioning(await recordCount(context.salesforce(connection.id), name), fields.length);
}

function requireDeletable({ name, fields }: ObjectDescription, deletes: Deletes): Deletes {
  if (deletes === 'keep' || fields.some((field) => field.name === 'IsDeleted')) return deletes;
  throw new AppError('invalid_request', `${name} has no field IsDeleted, so deletes can only be keep.`);
}
