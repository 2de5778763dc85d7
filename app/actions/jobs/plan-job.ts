import type { Context } from '../../context.ts';
import { CREATED_DATE, chooseCursor } from '../../core/fields/cursor.ts';
import { isWorthPartitioning, rowBytes } from '../../core/fields/partitioning.ts';
import { DEFAULT_OPTIONS, type JobOptions, type JobOptionTexts, parseOptions } from '../../core/jobs/job-options.ts';
import type { TableSize } from '../../core/jobs/running-cost.ts';
import { parseStartDate } from '../../core/jobs/start-date.ts';
import { windowEnd } from '../../core/runs/window.ts';
import { AppError } from '../../errors.ts';
import type { ObjectDescription } from '../../salesforce/describe.ts';
import type { Connection } from '../../store/connections/connections.ts';
import type { NewJob } from '../../store/jobs/jobs.ts';
import { checkHistory } from './check-history.ts';
import { checkWindowQuery, describeImportableObject, mayHaveNullCursors, requireDeletable } from './check-object.ts';
import { type EstimatedCost, estimateRunningCost } from './check-running-cost.ts';
import { checkPolicy, choosePolicy } from './choose-policy.ts';
import type { Refusals } from './refusals.ts';

export interface JobRequest {
  objectName: string;
  options: JobOptionTexts & { startDate: string };
  /** whether to take over a job of another user of the org even if that user's connection is active */
  takeOver: boolean;
}

/** A request for a job whose options were read. */
export interface WantedJob {
  objectName: string;
  takeOver: boolean;
  /** those that were specified */
  options: Partial<JobOptions> & Pick<JobOptions, 'startDate'>;
  targetDataset: string;
  /** by the schedule's clock */
  now: Date;
}

/** What a new job would be, and what refuses it. */
export interface JobPlan {
  description: ObjectDescription;
  job: NewJob;
  /** of the object, by Salesforce's estimate; null: unknown, or not requested for an object without CreatedDate */
  rows: number | null;
  table: Pick<TableSize, 'bytes' | 'rowBytes'>;
  cost: EstimatedCost;
}

/** @throws AppError invalid_request */
export async function readJobRequest(context: Context, { objectName, options, takeOver }: JobRequest): Promise<WantedJob> {
  const now = await context.scheduleNow();
  const today = windowEnd(now, 'day');
  const wanted = { ...parseOptions(options, today), startDate: parseStartDate(options.startDate, today) };
  return { objectName, takeOver, options: wanted, targetDataset: chooseDataset(context, wanted.targetDataset), now };
}

/**
 * Decides what a new job would be, and checks everything that could refuse it. Writes nothing. Calls Salesforce a few times, and continues
 * after a refusal, unless the object itself cannot be imported.
 * @param refusals collects what refuses it
 * @returns undefined if the object cannot be imported
 * @throws AppError if a check could not be made
 */
export async function planJob(
  context: Context,
  connection: Connection,
  { objectName, options: wanted, targetDataset, now }: WantedJob,
  refusals: Refusals,
): Promise<JobPlan | undefined> {
  const description = await refusals.ofObject(() => describeImportableObject(context, connection, objectName));
  if (!description) return undefined;
  const { name, fields } = description;
  const mode = chooseMode(description, wanted.appendOnly);
  const { cursorField, appendOnly } = mode;
  await refusals.check(() => requireMode(description, mode, wanted.appendOnly));
  const policy = await choosePolicy(context, connection, description, wanted);
  await refusals.check(() => checkPolicy(context, description, cursorField, wanted, policy));
  await refusals.ofObject(() => checkWindowQuery(context, connection, description, cursorField));
  if (refusals.objectRefusal) return undefined;
  const rows = await estimateRows(context, connection, description);
  const options = { ...DEFAULT_OPTIONS, ...wanted, targetDataset, appendOnly };
  const job = {
    ...options,
    ...policy,
    connectionId: connection.id,
    objectName: name,
    cursorField,
    cursorNillable: await mayHaveNullCursors(context, connection, description, cursorField),
    targetTable: name,
    // Decided once, because a table's partitioning cannot be changed. Only a MERGE is cheaper with partitions.
    partitioned: cursorField !== null && isWorthPartitioning(rows, fields.length),
    activeSince: now,
  };
  await refusals.check(() => requireDeletable(description, job.deletes));
  await refusals.check(() => checkHistory(context, job, job.history));
  const bytesPerRow = rowBytes(fields.length);
  const table = { bytes: rows === null ? null : rows * bytesPerRow, rowBytes: bytesPerRow };
  const cost = await estimateRunningCost(context, connection, { ...job, table });
  if (cost.refusal) refusals.add(cost.refusal);
  return { description, job, rows, table, cost };
}

function chooseDataset(context: Context, wanted: string | undefined): string {
  const { datasets } = context.config.bigquery;
  const chosen = wanted ?? datasets[0]!;
  if (datasets.includes(chosen)) return chosen;
  throw new AppError('invalid_request', `dataset must be one of ${datasets.join(', ')}. To add another, set BIGQUERY_DATASETS.`);
}

export type Mode = Pick<NewJob, 'cursorField' | 'appendOnly'>;

/**
 * Chooses how windows keep the table current. If edits change no stamp, the rows must never be edited: specified by the caller, or certain if
 * the object cannot be updated, for example AccountHistory. Otherwise, each window replaces the whole table.
 */
export function chooseMode({ fields, updateable }: Pick<ObjectDescription, 'fields' | 'updateable'>, wanted: boolean | undefined): Mode {
  const cursorField = chooseCursor(fields) ?? null;
  if (cursorField !== null && cursorField !== CREATED_DATE) return { cursorField, appendOnly: wanted ?? false };
  return (wanted ?? !updateable) && cursorField ? { cursorField, appendOnly: true } : { cursorField: null, appendOnly: false };
}

/** @throws AppError invalid_request */
function requireMode({ name }: ObjectDescription, { cursorField }: Mode, wanted: boolean | undefined): void {
  if (cursorField !== null || !wanted) return;
  throw new AppError(
    'invalid_request',
    `append_only needs a CreatedDate that the connection's user can filter ${name} by. Without append_only, each window replaces the whole table.`,
  );
}

/** How many rows the table may get; null: unknown. Not requested for an object without CreatedDate: its table cannot be partitioned. */
async function estimateRows(context: Context, connection: Connection, { name, fields }: ObjectDescription): Promise<number | null> {
  if (!fields.some((field) => field.name === 'CreatedDate')) return null;
  const counts = await context.recordCounts.read(context.salesforce(connection.id), connection.id);
  return counts?.get(name) ?? null;
}
