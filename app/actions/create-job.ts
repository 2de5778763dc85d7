import { findDefaultExpirations, removeDefaultExpirationsCommand } from '../bigquery/datasets.ts';
import type { Context } from '../context.ts';
import { CREATED_DATE, chooseCursor } from '../core/cursor.ts';
import { jobMode } from '../core/job-mode.ts';
import {
  CHANGEABLE_PROPERTIES,
  DEFAULT_OPTIONS,
  differingOptions,
  JOB_OPTIONS,
  type JobOptions,
  type JobOptionTexts,
  type OptionProperty,
  optionsJson,
  optionText,
  parseOptions,
} from '../core/job-options.ts';
import { isWorthPartitioning, rowBytes } from '../core/partitioning.ts';
import type { RunningCost } from '../core/running-cost.ts';
import { formatStartDate, parseStartDate } from '../core/start-date.ts';
import { windowEnd } from '../core/window.ts';
import { AppError, isAppError } from '../errors.ts';
import type { ObjectDescription } from '../salesforce/describe.ts';
import { aboutJob, insertChange } from '../store/audit.ts';
import type { Connection } from '../store/connections.ts';
import { transaction } from '../store/database.ts';
import { saveWeeklyChanges } from '../store/job-loads.ts';
import { findHeldJob, findJob, insertJob, type Job, type NewJob } from '../store/jobs.ts';
import { deleteRefusedObject, saveRefusedObject } from '../store/refused-objects.ts';
import { checkHistory } from './check-history.ts';
import { checkWindowQuery, describeImportableObject, mayHaveNullCursors, requireDeletable } from './check-object.ts';
import { checkRunningCost } from './check-running-cost.ts';
import { choosePolicy, policyDetails, withoutContained } from './choose-policy.ts';
import { takeOver } from './take-over.ts';

export interface JobRequest {
  objectName: string;
  options: JobOptionTexts & { startDate: string };
  /** whether to take over a job of another user of the org even if that user's connection is active */
  takeOver: boolean;
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
  const today = windowEnd(now, 'day');
  const wanted = { ...parseOptions(request.options, today), startDate: parseStartDate(request.options.startDate, today) };
  const targetDataset = chooseDataset(context, wanted.targetDataset);
  const existing = await findExisting(context, connection, request, wanted, targetDataset, by);
  if (existing) return { job: existing, cost: undefined };

  const description = await rememberRefusal(context, connection, request.objectName, () =>
    describeImportableObject(context, connection, request.objectName),
  );
  const { cursorField, appendOnly } = chooseMode(description, wanted.appendOnly);
  const policy = await choosePolicy(context, connection, description, cursorField, wanted);
  await rememberRefusal(context, connection, description.name, () => checkWindowQuery(context, connection, description, cursorField));
  const rows = await estimateRows(context, connection, description);
  const options = { ...DEFAULT_OPTIONS, ...wanted, targetDataset, appendOnly };
  const job = {
    ...options,
    ...policy,
    connectionId: connection.id,
    objectName: description.name,
    cursorField,
    cursorNillable: await mayHaveNullCursors(context, connection, description, cursorField),
    targetTable: description.name,
    // Decided once, because a table's partitioning cannot be changed. Only a MERGE is cheaper with partitions.
    partitioned: cursorField !== null && isWorthPartitioning(rows, description.fields.length),
    deletes: requireDeletable(description, options.deletes),
    history: await checkHistory(context, { cursorField, targetDataset, targetTable: description.name }, options.history),
    activeSince: now,
  };
  const bytesPerRow = rowBytes(description.fields.length);
  const table = { bytes: rows === null ? null : rows * bytesPerRow, rowBytes: bytesPerRow };
  const cost = await checkRunningCost(context, connection, { ...job, table });
  const { every, deletes, history } = job;
  const startDate = formatStartDate(job.startDate);
  const created = await transaction(context.database, async (client) => {
    const inserted = await insertJob(client, job);
    if (!inserted) return undefined;
    await saveWeeklyChanges(client, inserted.id, cost.weeklyChanges);
    await deleteRefusedObject(client, connection.id, inserted.objectName);
    const details = { start_date: startDate, every, dataset: targetDataset, deletes, history, ...policyDetails(job) };
    await insertChange(client, { by, action: 'job_created', ...aboutJob(inserted), connectionId: connection.id, details });
    return inserted;
  });
  if (created) {
    const mode = jobMode({ whole: cursorField === null, appendOnly });
    context.events.jobCreated(created, { startDate, every, mode }, by);
    await warnOfDefaultExpirations(context, created);
    return { job: created, cost };
  }
  // A concurrent call created the job first.
  const other = await findExisting(context, connection, request, wanted, targetDataset, by);
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
  { objectName, takeOver: force }: JobRequest,
  wanted: Partial<JobOptions>,
  targetDataset: string,
  by: string,
): Promise<Job | undefined> {
  const own = await findJob(context.database, connection.id, objectName);
  if (own) return requireSameOptions(own, wanted);
  const found = await findHeldJob(context.database, connection.orgId, objectName, wanted.targetDataset, targetDataset);
  if (!found) return undefined;
  requireSameOptions(found.job, wanted);
  return await takeOver(context, connection, found, force, by);
}

/** Objects that cannot be imported at all, whatever the job's options. */
const REFUSED = new Set(['not_found', 'invalid_request', 'salesforce_refused']);

/** Remembers an object that a check refuses, so that the list of objects shows it. */
async function rememberRefusal<T>({ database }: Context, { id }: Connection, objectName: string, check: () => Promise<T>): Promise<T> {
  try {
    return await check();
  } catch (error) {
    if (isAppError(error) && REFUSED.has(error.code)) await saveRefusedObject(database, id, objectName, error.message);
    throw error;
  }
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

/** @returns the job @throws AppError conflict, which says how to change it, if an option is wanted that the job does not have */
function requireSameOptions(job: Job, wanted: Partial<JobOptions>): Job {
  const differing = differingOptions(job, withoutContained(job, wanted));
  const [property] = Object.keys(differing) as OptionProperty[];
  if (property === undefined) return job;
  const { name } = JOB_OPTIONS[property];
  const exists = `A job for ${job.objectName} already exists with ${name}=${optionText(optionsJson(job)[name]!)}`;
  if (differing.startDate && differing.startDate > job.startDate) {
    throw new AppError('conflict', `${exists}. To import rows again, call POST /v1/jobs/${job.id}/reimport.`);
  }
  if ((CHANGEABLE_PROPERTIES as OptionProperty[]).includes(property)) {
    throw new AppError('conflict', `${exists}. To change it, call PATCH /v1/jobs/${job.id} with ${name}.`);
  }
  throw new AppError('conflict', `${exists}, which cannot be changed.`);
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
  const counts = await context.recordCounts.read(context.salesforce(connection.id), connection.id);
  return counts?.get(name) ?? null;
}
