import { timeTravelHours } from '../../bigquery/tables/datasets.ts';
import type { Context } from '../../context.ts';
import { parseId } from '../../core/connections/salesforce-ids.ts';
import { recordHash } from '../../core/fields/record-hash.ts';
import { recoverableUntil } from '../../core/recoverable.ts';
import { nextWindowEnd } from '../../core/runs/window.ts';
import { AppError } from '../../errors.ts';
import { findExistingIds } from '../../salesforce/existing-ids.ts';
import { aboutJob, insertChange } from '../../store/audit.ts';
import { transaction } from '../../store/database.ts';
import type { JobWithRun } from '../../store/jobs/job-list.ts';
import type { Job } from '../../store/jobs/jobs.ts';
import { queueErasure } from '../../store/runs/erasures.ts';
import { requireRun } from './require-run.ts';
import { requireActive } from './start-repair.ts';

/** A caller is waiting for the response. */
const TIMEOUT_MS = 20_000;

/** The record to erase, as the caller wrote it. */
export interface EraseRequest {
  /** 15 or 18 characters */
  recordId: string;
  /** whether to erase it although Salesforce still has it, and to leave it out from now on */
  suppress: boolean;
}

/** An erasure that is queued. */
export interface QueuedErasure extends JobWithRun {
  /** until when BigQuery keeps what the tables contain now */
  recoverableUntil: Date;
}

/**
 * Erases one record: from the job's target table and invalid values, and from the staging and delta tables of its runs, which start over. Its
 * Id is kept nowhere; with `suppress`, its hash is, and all later runs of the job leave the record out.
 * @param by who requested it
 * @throws AppError invalid_request; conflict if Salesforce still returns the record, or the job is paused; the errors of a query
 */
export async function eraseRecord(context: Context, job: Job, { recordId, suppress }: EraseRequest, by: string): Promise<QueuedErasure> {
  requireActive(job);
  const keyPrefix = context.describes.cached(job.connectionId, job.objectName)?.keyPrefix ?? null;
  const id = parseId('record_id', recordId.trim(), job.objectName, keyPrefix);
  if (!suppress) await requireMissing(context, job, id);
  const hours = await Promise.all(
    [job.targetDataset, context.config.bigquery.stagingDataset].map((name) => timeTravelHours(context.warehouse, name)),
  );
  const to = job.syncedTo > job.startDate ? job.syncedTo : nextWindowEnd(job.startDate, job.every);
  const repair = { kind: 'reimport', erase: recordHash(job.id, id), window: { from: job.startDate, to } } as const;
  const runId = await transaction(context.database, async (client) => {
    const queued = await queueErasure(client, job, repair, suppress);
    await insertChange(client, { by, action: 'erase_requested', ...aboutJob(job), runId: queued, details: { suppress } });
    return queued;
  });
  context.events.eraseRequested({ runId, job }, suppress, by);
  return { ...(await requireRun(context, runId)), recoverableUntil: recoverableUntil(new Date(), hours) };
}

/** Checks that no later run would import the record again. @throws AppError conflict */
async function requireMissing(context: Context, { connectionId, objectName }: Job, id: string): Promise<void> {
  const client = context.salesforce(connectionId, AbortSignal.timeout(TIMEOUT_MS));
  if ((await findExistingIds(client, objectName, [id])).length === 0) return;
  throw new AppError(
    'conflict',
    `Salesforce still returns this record of ${objectName}, so the next run could import it again. Delete it there and empty it from the recycle bin, or send suppress=true: the service then leaves the record out from now on.`,
  );
}
