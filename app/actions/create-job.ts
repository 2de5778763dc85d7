import { findDefaultExpirations, removeDefaultExpirationsCommand } from '../bigquery/datasets.ts';
import type { Context } from '../context.ts';
import { CREATED_DATE, chooseCursor } from '../core/cursor.ts';
import { parseDeletes } from '../core/deletes.ts';
import { parseEvery } from '../core/every.ts';
import { jobMode } from '../core/job-mode.ts';
import { isWorthPartitioning, rowBytes } from '../core/partitioning.ts';
import type { RunningCost } from '../core/running-cost.ts';
import { formatStartDate, parseStartDate } from '../core/start-date.ts';
import { windowEnd } from '../core/window.ts';
import { AppError } from '../errors.ts';
import type { ObjectDescription } from '../salesforce/describe.ts';
import { estimateRecordCount } from '../salesforce/record-count.ts';
import { aboutJob, insertChange } from '../store/audit.ts';
import type { Connection } from '../store/connections.ts';
import { saveWeeklyChanges } from '../store/job-loads.ts';
import { findHeldJob, findJob, insertJob, type Job, type NewJob } from '../store/jobs.ts';
import { checkWindowQuery, describeImportableObject, mayHaveNullCursors, requireDeletable } from './check-object.ts';
import { checkRunningCost } from './check-running-cost.ts';
import { takeOver } from './take-over.ts';

export interface JobRequest {
  objectName: string;
  /** YYYY-MM-DD, or all */
  startDate: string;
  /** undefined: the first configured dataset */
  dataset: string | undefined;
  /** undefined: keep */
  deletes: string | undefined;
  /** whether rows are never edited; undefined: not specified */
  appendOnly: boolean | undefined;
  /** whether to take over a job of another user of the org even if that user's connection is active */
  takeOver: boolean;
  /** how often windows close; undefined: day */
  every: string | undefined;
}

/** A requested job, which may have existed before. */
export interface RequestedJob {
  job: Job;
  /** what its windows cost on a day with usual changes; undefined: it existed before, so this was not estimated */
  cost: RunningCost | undefined;
}

/**
 * Creates a job, returns an identical existing one, or takes over the job of another user of the org. Checks everything before it writes.
 * @param by who requested it
 * @throws AppError invalid_request, not_found, conflict, salesforce_refused, salesforce_quota or bigquery_budget if its windows would cost
 * too much, and the errors of a describe
 */
export async function createJob(context: Context, connection: Connection, request: JobRequest, by: string): Promise<RequestedJob> {
  const now = await context.scheduleNow();
  const startDate = parseStartDate(request.startDate, windowEnd(now, 'day'));
  const targetDataset = chooseDataset(context, request.dataset);
  const deletes = parseDeletes(request.deletes);
  const every = parseEvery(request.every);
  const existing = await findExisting(context, connection, request, startDate, targetDataset, by);
  if (existing) return { job: existing, cost: undefined };

  const description = await describeImportableObject(context, connection, request.objectName);
  const { cursorField, appendOnly } = chooseMode(description, request.appendOnly);
  await checkWindowQuery(context, connection, description, cursorField);
  const rows = await estimateRows(context, connection, description);
  const job = {
    connectionId: connection.id,
    objectName: description.name,
    cursorField,
    cursorNillable: await mayHaveNullCursors(context, connection, description, cursorField),
    targetDataset,
    targetTable: description.name,
    // Decided once, because a table's partitioning cannot be changed. Only a MERGE is cheaper with partitions.
    partitioned: cursorField !== null && isWorthPartitioning(rows, description.fields.length),
    deletes: requireDeletable(description, deletes),
    appendOnly,
    every,
    startDate,
    activeSince: now,
  };
  const bytesPerRow = rowBytes(description.fields.length);
  const table = { bytes: rows === null ? null : rows * bytesPerRow, rowBytes: bytesPerRow };
  const cost = await checkRunningCost(context, connection, { ...job, table });
  const created = await insertJob(context.database, job);
  if (created) {
    await saveWeeklyChanges(context.database, created.id, cost.weeklyChanges);
    const mode = jobMode({ whole: cursorField === null, appendOnly });
    context.events.jobCreated(created, { startDate: formatStartDate(startDate), every, mode }, by);
    const details = { start_date: formatStartDate(startDate), every, dataset: targetDataset, deletes: job.deletes };
    await insertChange(context.database, { by, action: 'job_created', ...aboutJob(created), connectionId: connection.id, details });
    await warnOfDefaultExpirations(context, created);
    return { job: created, cost };
  }
  // A concurrent call created the job first.
  const other = await findExisting(context, connection, request, startDate, targetDataset, by);
  if (other) return { job: other, cost: undefined };
  throw new AppError(
    'conflict',
    `A job of another org already imports into ${targetDataset}.${description.name}, and two orgs never share a table. Choose another dataset: ${context.config.bigquery.datasets.join(', ')}.`,
  );
}

/** The existing job of this user, or one taken over from another user of the org. @throws AppError conflict if its options differ */
async function findExisting(
  context: Context,
  connection: Connection,
  request: JobRequest,
  startDate: Date,
  targetDataset: string,
  by: string,
): Promise<Job | undefined> {
  const own = await findJob(context.database, connection.id, request.objectName);
  if (own) return requireSameOptions(own, startDate, request);
  const found = await findHeldJob(context.database, connection.orgId, request.objectName, request.dataset, targetDataset);
  if (!found) return undefined;
  requireSameOptions(found.job, startDate, request);
  return await takeOver(context, connection, found, request.takeOver, by);
}

/** Warns if the dataset has default expirations; the job's own tables do not inherit them. A failed check does not fail the request. */
async function warnOfDefaultExpirations({ warehouse, config, events }: Context, job: Job): Promise<void> {
  try {
    const defaults = await findDefaultExpirations(warehouse, job.targetDataset);
    const remove = removeDefaultExpirationsCommand(config.bigquery.project, job.targetDataset);
    if (defaults) events.datasetHasDefaultExpiration(defaults, remove, job);
  } catch (error) {
    events.datasetNotChecked(job.targetDataset, job, error);
  }
}

function chooseDataset(context: Context, wanted: string | undefined): string {
  const { datasets } = context.config.bigquery;
  const chosen = wanted ?? datasets[0]!;
  if (datasets.includes(chosen)) return chosen;
  throw new AppError('invalid_request', `dataset must be one of ${datasets.join(', ')}. To add another, set BIGQUERY_DATASETS.`);
}

function requireSameOptions(job: Job, startDate: Date, { dataset, deletes, appendOnly, every }: JobRequest): Job {
  if (job.startDate.getTime() !== startDate.getTime()) {
    const exists = `A job for ${job.objectName} already exists with start_date ${formatStartDate(job.startDate)}.`;
    const way =
      startDate < job.startDate
        ? `To start earlier, call PATCH /v1/jobs/${job.id} with start_date.`
        : `To import rows again, call POST /v1/jobs/${job.id}/reimport.`;
    throw new AppError('conflict', `${exists} ${way}`);
  }
  if (dataset !== undefined && dataset !== job.targetDataset) {
    throw new AppError('conflict', `A job for ${job.objectName} already exists in dataset ${job.targetDataset}, which cannot be changed.`);
  }
  if (deletes !== undefined && deletes !== job.deletes) {
    throw new AppError(
      'conflict',
      `A job for ${job.objectName} already exists with deletes=${job.deletes}. To change it, call PATCH /v1/jobs/${job.id}.`,
    );
  }
  if (appendOnly !== undefined && appendOnly !== job.appendOnly) {
    throw new AppError(
      'conflict',
      `A job for ${job.objectName} already exists with append_only=${job.appendOnly}, which cannot be changed.`,
    );
  }
  if (every !== undefined && every !== job.every) {
    throw new AppError(
      'conflict',
      `A job for ${job.objectName} already exists with every=${job.every}. To change it, call PATCH /v1/jobs/${job.id}.`,
    );
  }
  return job;
}

/**
 * Chooses how windows keep the table current. If edits change no stamp, the rows must never be edited: specified by the caller, or certain if
 * the object cannot be updated, for example AccountHistory. Otherwise, each window replaces the whole table.
 * @throws AppError invalid_request
 */
function chooseMode(
  { name, fields, updateable }: ObjectDescription,
  wanted: boolean | undefined,
): Pick<NewJob, 'cursorField' | 'appendOnly'> {
  const cursorField = chooseCursor(fields) ?? null;
  if (cursorField === null && wanted) {
    throw new AppError(
      'invalid_request',
      `append_only needs a CreatedDate that the connection's user can filter ${name} by. Without append_only, each window replaces the whole table.`,
    );
  }
  if (cursorField !== null && cursorField !== CREATED_DATE) return { cursorField, appendOnly: wanted ?? false };
  return (wanted ?? !updateable) && cursorField ? { cursorField, appendOnly: true } : { cursorField: null, appendOnly: false };
}

/** How many rows the table may get; null: unknown. Not requested for an object without CreatedDate: its table cannot be partitioned. */
async function estimateRows(context: Context, connection: Connection, { name, fields }: ObjectDescription): Promise<number | null> {
  if (!fields.some((field) => field.name === 'CreatedDate')) return null;
  return await estimateRecordCount(context.salesforce(connection.id), name);
}
