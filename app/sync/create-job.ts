import type { Context } from '../context.ts';
import { chooseCursor } from '../core/cursor.ts';
import { type Deletes, parseDeletes } from '../core/deletes.ts';
import { isWorthPartitioning } from '../core/partitioning.ts';
import { formatStartDate, parseStartDate } from '../core/start-date.ts';
import { windowEnd } from '../core/window.ts';
import { AppError } from '../errors.ts';
import { describeObject, type ObjectDescription } from '../salesforce/describe.ts';
import { refusalCode } from '../salesforce/errors.ts';
import { recordCount } from '../salesforce/record-count.ts';
import { hasNullCursors } from '../salesforce/soql.ts';
import type { Connection } from '../store/connections.ts';
import { findJob, insertJob, type Job } from '../store/jobs.ts';

export interface JobRequest {
  objectName: string;
  /** YYYY-MM-DD, or all */
  startDate: string;
  /** undefined: the first of the configured ones */
  dataset: string | undefined;
  /** undefined: keep */
  deletes: string | undefined;
}

/**
 * Makes a job, or finds the very same one. Nothing is written before everything was checked.
 * @throws AppError invalid_request, not_found, conflict, and what a describe may give
 */
export async function createJob(context: Context, connection: Connection, request: JobRequest): Promise<Job> {
  const now = await context.scheduleNow();
  const startDate = parseStartDate(request.startDate, windowEnd(now, 'day'));
  const targetDataset = chooseDataset(context, request.dataset);
  const deletes = parseDeletes(request.deletes);
  const existing = await findJob(context.database, connection.id, request.objectName);
  if (existing) return requireSame(existing, startDate, request);

  const description = await describe(context, connection, request.objectName);
  const cursorField = requireCursor(description);
  const job = {
    connectionId: connection.id,
    objectName: description.name,
    cursorField,
    cursorNillable: await isNillable(context, connection, description, cursorField),
    targetDataset,
    targetTable: description.name,
    partitioned: await choosePartitioning(context, connection, description),
    deletes: requireDeletable(description, deletes),
    startDate,
    activeSince: now,
  };
  const made = await insertJob(context.database, job);
  if (made) {
    context.log.info({ event: 'job_created', job: made.id, object: made.objectName, start_date: formatStartDate(startDate) });
    return made;
  }
  // Somebody else was quicker: with the same job, or with another for the same table.
  const other = await findJob(context.database, connection.id, description.name);
  if (other) return requireSame(other, startDate, request);
  throw new AppError(
    'conflict',
    `Another connection's job keeps the table ${targetDataset}.${description.name}: give another dataset, of ${context.config.bigquery.datasets.join(', ')}.`,
  );
}

function chooseDataset(context: Context, wanted: string | undefined): string {
  const { datasets } = context.config.bigquery;
  const chosen = wanted ?? datasets[0]!;
  if (datasets.includes(chosen)) return chosen;
  throw new AppError('invalid_request', `dataset must be one of ${datasets.join(', ')}: others are added with BIGQUERY_DATASETS.`);
}

function requireSame(job: Job, startDate: Date, { dataset, deletes }: JobRequest): Job {
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
  return job;
}

/** Decided once: a table's partitioning cannot be changed. */
async function choosePartitioning(context: Context, connection: Connection, { name, fields }: ObjectDescription): Promise<boolean> {
  if (!fields.some((field) => field.name === 'CreatedDate')) return false;
  return isWorthPartitioning(await recordCount(context.salesforce(connection.id), name), fields.length);
}

/** A describe's `nillable: false` is not to be relied on, except for SystemModstamp, which Salesforce itself sets. */
async function isNillable(
  context: Context,
  connection: Connection,
  { name, fields }: ObjectDescription,
  cursorField: string,
): Promise<boolean> {
  if (fields.some((field) => field.name === cursorField && field.nillable)) return true;
  return cursorField !== 'SystemModstamp' && (await hasNullCursors(context.salesforce(connection.id), name, cursorField));
}

function requireDeletable({ name, fields }: ObjectDescription, deletes: Deletes): Deletes {
  if (deletes === 'keep' || fields.some((field) => field.name === 'IsDeleted')) return deletes;
  throw new AppError('invalid_request', `${name} has no field IsDeleted, so deletes can only be keep.`);
}

async function describe(context: Context, connection: Connection, objectName: string): Promise<ObjectDescription> {
  try {
    const description = await describeObject(context.salesforce(connection.id), objectName);
    if (description.queryable) return description;
  } catch (error) {
    if (refusalCode(error) !== 'NOT_FOUND') throw error;
    throw new AppError(
      'not_found',
      `The org has no object ${objectName} that the connection's user may see: check object_name, which is an API name such as Account or Invoice__c.`,
    );
  }
  throw new AppError('invalid_request', `Salesforce does not let ${objectName} be queried: choose another object.`);
}

function requireCursor({ name, fields }: ObjectDescription): string {
  if (!fields.some((field) => field.name === 'Id' && field.type === 'id')) {
    throw new AppError('invalid_request', `${name} has no Id that the connection's user may see, so its rows cannot be told apart.`);
  }
  const cursor = chooseCursor(fields);
  if (cursor) return cursor;
  throw new AppError(
    'invalid_request',
    `${name} cannot be imported by windows: it has none of SystemModstamp, LastModifiedDate and CreatedDate, or the connection's user may not see them.`,
  );
}
