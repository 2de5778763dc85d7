import { readTableSize } from '../../bigquery/tables/table-size.ts';
import type { Context } from '../../context.ts';
import { treatsEarlierDeletes } from '../../core/jobs/deletes.ts';
import type { Every } from '../../core/jobs/every.ts';
import {
  CHANGEABLE_NAMES,
  CHANGEABLE_PROPERTIES,
  type ChangeableOptions,
  differingOptions,
  type JobOptionTexts,
  parseOptions,
} from '../../core/jobs/job-options.ts';
import { formatStartDate } from '../../core/jobs/start-date.ts';
import { nextWindowEnd, windowEnd } from '../../core/runs/window.ts';
import { AppError } from '../../errors.ts';
import { readConnection } from '../../store/connections/connections.ts';
import type { JobChanges } from '../../store/jobs/change-job.ts';
import type { Job } from '../../store/jobs/jobs.ts';
import type { Repair } from '../../store/runs/queue-runs.ts';
import { targetTable } from '../../sync/names.ts';
import { requireActive } from '../runs/start-repair.ts';
import { type PolicyChange, planPolicyChange } from './change-policy.ts';
import { checkHistory } from './check-history.ts';
import { describeImportableObject, requireDeletable } from './check-object.ts';
import { checkRunningCost, type EstimatedCost } from './check-running-cost.ts';

/** What to change, as the caller wrote it; undefined: unchanged. */
export type JobChangeRequest = { [P in keyof ChangeableOptions]?: JobOptionTexts[P] } & {
  /** fields to read that await approval */
  approveFields?: string | undefined;
};

/** What a change of a job would do. */
export interface JobChangePlan {
  /** what differs from the job as it is; empty: nothing */
  changes: JobChanges;
  /** that the change requires; undefined: none */
  repair: Repair | undefined;
  /** of windows with another `every`; undefined: it stays */
  cost: EstimatedCost | undefined;
  /** what the caller should know, in sentences */
  effects: readonly string[];
}

/**
 * Decides what a change of a job would do, with all checks but one: whether another repair of the job is open. Writes nothing.
 * @throws AppError invalid_request; conflict if the job is paused, and a repair would wait; the errors of a describe
 */
export async function planJobChange(context: Context, job: Job, request: JobChangeRequest): Promise<JobChangePlan> {
  const { changes, clear, refill } = await readChanges(context, job, request);
  const cost = changes.every && (await checkCost(context, job, changes.every));
  const repair = chooseRepair(job, changes, { clear, refill });
  // What erases values waits until a paused job is resumed; nothing is imported until then.
  if (repair && clear.length === 0) requireActive(job);
  return { changes, repair, cost, effects: [...describeChange(job, changes), ...describePolicyChange(job, changes, { clear, refill })] };
}

async function readChanges(context: Context, job: Job, request: JobChangeRequest): Promise<PolicyChange> {
  if ([...CHANGEABLE_PROPERTIES, 'approveFields' as const].every((property) => request[property] === undefined)) {
    const names = new Intl.ListFormat('en', { type: 'disjunction' }).format([...CHANGEABLE_NAMES, 'approve_fields']);
    throw new AppError('invalid_request', `Nothing to change. Send ${names}.`);
  }
  const wanted: JobChanges = parseOptions(request, windowEnd(await context.scheduleNow(), 'day'));
  const changes = differingOptions(job, wanted);
  requireEarlierStart(job, changes);
  if (changes.deletes !== undefined && changes.deletes !== 'keep') {
    requireDeletable(await describeImportableObject(context, { id: job.connectionId }, job.objectName), changes.deletes);
  }
  if (changes.history !== undefined) await checkHistory(context, job, changes.history);
  return await planPolicyChange(context, job, changes, request.approveFields);
}

/** @throws AppError salesforce_quota, bigquery_budget */
async function checkCost(context: Context, job: Job, every: Every): Promise<EstimatedCost> {
  const connection = await readConnection(context.database, job.connectionId);
  const table = (await readTableSize(context.warehouse, targetTable(context, job))) ?? { bytes: null, rowBytes: 0 };
  return await checkRunningCost(context, connection, { ...job, every, table, existing: job });
}

/** @throws AppError invalid_request */
function requireEarlierStart(job: Job, { startDate }: JobChanges): void {
  if (startDate === undefined || startDate < job.startDate) return;
  throw new AppError(
    'invalid_request',
    `start_date can only become earlier than ${formatStartDate(job.startDate)}: the rows before a later date would stay in the table, and no longer be kept current. To start later, delete the job with table=drop and create it again.`,
  );
}

/** The fields whose values a change erases. */
type Cleared = Pick<PolicyChange, 'clear' | 'refill'>;

/** @throws AppError invalid_request if the changes require two repairs */
function chooseRepair(job: Job, { startDate, deletes }: JobChanges, { clear, refill }: Cleared): Repair | undefined {
  const treats = deletes !== undefined && treatsEarlierDeletes(job.deletes, deletes);
  const names = [
    ...(startDate ? ['start_date'] : []),
    ...(treats ? ['deletes'] : []),
    ...(clear.length > 0 ? ['the lists of fields'] : []),
  ];
  if (names.length > 1) {
    const listed = new Intl.ListFormat('en').format(names);
    throw new AppError('invalid_request', `Change ${listed} one after the other: each starts a repair, and only one can be open.`);
  }
  // Even before the first import: a window that is being merged may still treat deleted rows, or fields, as before.
  const to = job.syncedTo > job.startDate ? job.syncedTo : nextWindowEnd(job.startDate, job.every);
  const all = { from: job.startDate, to };
  if (clear.length > 0) return { kind: 'reimport', clear, refill, window: all };
  // Each window of such an object replaces its whole table.
  if (job.cursorField === null) return undefined;
  if (startDate) return { kind: 'reimport', window: { from: startDate, to: job.startDate } };
  if (!treats) return undefined;
  return { kind: 'reimport', treatDeleted: true, window: all };
}

function describeRepair(job: Job, { startDate, deletes }: JobChanges): string[] {
  const sentences: string[] = [];
  if (startDate) {
    sentences.push(`A reimport of the rows stamped from ${formatStartDate(startDate)} to ${formatStartDate(job.startDate)} is queued.`);
  }
  if (deletes && treatsEarlierDeletes(job.deletes, deletes)) {
    sentences.push(`A repair is queued that treats the rows deleted so far with deletes=${deletes}.`);
  } else if (deletes) {
    const treated = job.deletes === 'blank' ? 'blanked' : 'removed';
    sentences.push(`deletes=${deletes} applies to rows that are deleted from now on: rows already ${treated} stay so.`);
  }
  return sentences;
}

function describeChange(job: Job, changes: JobChanges): string[] {
  const { startDate, deletes, every, history } = changes;
  const sentences: string[] = [];
  if (job.cursorField === null && (startDate || deletes)) {
    sentences.push('The next window applies this: it replaces the whole table.');
  } else {
    sentences.push(...describeRepair(job, changes));
  }
  if (every) sentences.push(`Windows close with every=${every} from the next tick on.`);
  if (history === true) sentences.push(`The next run creates ${job.targetTable}_versions from the table as it is.`);
  if (history === false) sentences.push(`${job.targetTable}_versions is kept as it is, and gets no more versions.`);
  return sentences;
}

function describePolicyChange(
  job: Job,
  { excludeFields, hashFields, newFields, approvedFields }: JobChanges,
  { clear, refill }: Cleared,
): string[] {
  const sentences: string[] = [];
  if (clear.length > 0) {
    const when = job.active ? 'A repair is queued that erases' : 'Once the job is resumed, a repair erases';
    sentences.push(`${when} the values of ${clear.join(', ')} that were imported so far.`);
  } else if (excludeFields || hashFields) {
    sentences.push('The next run reads the fields by the new lists. No value that was imported so far is concerned.');
  }
  if (refill.length > 0) sentences.push(`A sweep then fills ${refill.join(', ')} on all rows.`);
  if (newFields)
    sentences.push(
      newFields === 'review'
        ? 'Fields that appear from now on are read once they are approved.'
        : 'New fields are read from the next window on.',
    );
  else if (approvedFields) sentences.push('The next window with changes adds the approved fields, and a sweep fills them on all rows.');
  return sentences;
}
