import type { Context } from '../../context.ts';
import { quotaExhaustedMessage } from '../../core/connections/quota.ts';
import { deleteQueryJob } from '../../salesforce/bulk.ts';
import { readConnection } from '../../store/connections/connections.ts';
import { claimLeftoverBulkJobs, forgetBulkJob, forgetUsedBulkJobs, type LeftoverBulkJobs } from '../../store/runs/bulk-jobs.ts';

/** Deleted between two checks of the org's quota: each takes one API call, or three if it still runs. */
const BATCH_SIZE = 10;

/** When Bulk jobs that were not deleted are retried: because of a failure or the quota, or because the process died. */
const RETRY_SECONDS = 3600;

/**
 * Aborts and deletes the Bulk jobs that no run needs, but only those in our job store: the org's other jobs belong to other clients. What
 * fails is logged and retried later; Salesforce deletes jobs after seven days by itself.
 * @throws AppError store_unavailable; the signal's reason
 */
export async function deleteBulkJobs(context: Context, signal: AbortSignal): Promise<void> {
  await forgetUsedBulkJobs(context.database);
  for (;;) {
    signal.throwIfAborted();
    const leftovers = await claimLeftoverBulkJobs(context.database, RETRY_SECONDS, BATCH_SIZE);
    if (!leftovers) return;
    try {
      await deleteAll(context, leftovers, signal);
    } catch (error) {
      signal.throwIfAborted();
      context.events.bulkJobsNotDeleted(error, leftovers);
    }
  }
}

async function deleteAll(context: Context, { connectionId, orgId, ids }: LeftoverBulkJobs, signal: AbortSignal): Promise<void> {
  const { calls, config, database } = context;
  // Imports need the calls more.
  const { apiShare } = await readConnection(database, connectionId);
  if (quotaExhaustedMessage(await calls.quota(orgId), apiShare ?? config.apiShare)) return;
  const client = context.salesforce(connectionId, signal);
  for (const id of ids) {
    await deleteQueryJob(client, id);
    await forgetBulkJob(database, connectionId, id);
  }
}
