import type { Context } from '../../context.ts';
import { parseId, parseIds } from '../../core/connections/salesforce-ids.ts';
import { formatBound, formatInstant, formatStartDate, parseBound } from '../../core/jobs/start-date.ts';
import type { Reimport } from '../../core/runs/pass.ts';
import { lastReadable, type Window } from '../../core/runs/window.ts';
import { AppError } from '../../errors.ts';
import { describeObject } from '../../salesforce/describe.ts';
import type { JobWithRun } from '../../store/jobs/job-list.ts';
import type { Job } from '../../store/jobs/jobs.ts';
import { startRepair } from './start-repair.ts';

/** A caller is waiting for the response. */
const TIMEOUT_MS = 20_000;

/** The rows to import again, as the caller wrote it. Either `ids`, or those stamped in `[from, to)`, of the Ids in `[idFrom, idTo)`. */
export interface ReimportRequest {
  /** undefined: from the job's start date */
  from?: string | undefined;
  /** undefined: up to the job's `last_date` */
  to?: string | undefined;
  /** separated by commas: the rows with these Ids as they are now */
  ids?: string | undefined;
  idFrom?: string | undefined;
  /** exclusive */
  idTo?: string | undefined;
  /** whether to compare the rows with the target table, and write nothing */
  compare?: boolean | undefined;
}

/**
 * Imports rows again, whatever has been imported, or compares them with the target table. Leaves `last_date` unchanged.
 * @param by who requested it
 * @throws AppError invalid_request, conflict, and the errors of a describe
 */
export async function reimport(context: Context, job: Job, request: ReimportRequest, by: string): Promise<JobWithRun> {
  const window = {
    from: request.from === undefined ? job.startDate : parseBound('from', request.from),
    to: request.to === undefined ? job.syncedTo : parseBound('to', request.to),
  };
  const pass: Reimport = { kind: 'reimport', ...(await readIds(context, job, request)), ...(request.compare && { compare: true }) };
  await checkRange(context, job, window);
  return await startRepair(context, job, { ...pass, window }, by);
}

async function readIds(context: Context, job: Job, request: ReimportRequest): Promise<Omit<Reimport, 'kind'>> {
  const { from, to, ids, idFrom, idTo } = request;
  if ([ids, idFrom, idTo].every((text) => text === undefined)) return {};
  if (ids !== undefined && [from, to, idFrom, idTo].some((text) => text !== undefined)) {
    throw new AppError('invalid_request', 'ids cannot be combined with a range. Send either ids, or from, to, id_from and id_to.');
  }
  const keyPrefix = await findKeyPrefix(context, job);
  if (ids !== undefined) return { ids: parseIds('ids', ids, job.objectName, keyPrefix) };
  const range = {
    ...(idFrom !== undefined && { idFrom: parseId('id_from', idFrom, job.objectName, keyPrefix) }),
    ...(idTo !== undefined && { idTo: parseId('id_to', idTo, job.objectName, keyPrefix) }),
  };
  if (range.idFrom === undefined || range.idTo === undefined || range.idFrom < range.idTo) return range;
  throw new AppError('invalid_request', 'id_from must be less than id_to, in the order of Ids: digits, capitals, small letters.');
}

async function findKeyPrefix(context: Context, { connectionId, objectName }: Job): Promise<string | null> {
  const known = context.describes.cached(connectionId, objectName);
  const client = context.salesforce(connectionId, AbortSignal.timeout(TIMEOUT_MS));
  return (known ?? (await describeObject(client, objectName))).keyPrefix;
}

async function checkRange(context: Context, job: Job, { from, to }: Window): Promise<void> {
  const readable = lastReadable(await context.scheduleNow(), context.config.lagMinutes);
  if (from < job.startDate) {
    throw new AppError('invalid_request', `from ${formatBound(from)} is before the job's start_date, ${formatStartDate(job.startDate)}.`);
  }
  if (from >= to) throw new AppError('invalid_request', `There is nothing to import between ${formatBound(from)} and ${formatBound(to)}.`);
  if (to > readable) {
    const limit = formatInstant(readable);
    throw new AppError('invalid_request', `to ${formatBound(to)} is too late: Salesforce may still commit changes stamped after ${limit}.`);
  }
}
