import type { Erasure } from '../core/pass.ts';
import { AppError } from '../errors.ts';
import type { Queryable } from './database.ts';
import { cancelRuns, lockOpenRuns } from './jobs.ts';
import { queueRepair, queueRuns, RENEWED, type Repair } from './queue-runs.ts';

/**
 * Queues a repair of a job that erases values. The job's open runs may have read these values, or resolved their fields before a change of
 * the job in the same transaction, so they end and their workers lose their leases: the window is queued again at once, beside the repair;
 * an open repair starts over when this one has succeeded. Must be called in a transaction.
 * @returns its id
 */
export async function queueFirst(client: Queryable, jobId: string, repair: Repair & Erasure): Promise<string> {
  // A run that is claimed meanwhile is waited for: its worker may have read the job as it was before.
  await lockOpenRuns(client, jobId);
  if (repair.clear) await saveFieldsToClear(client, jobId, repair.clear, repair.refill ?? []);
  await cancelRuns(client, jobId, `kind = 'window' AND state IN ('queued', 'running')`, RENEWED);
  const [interrupted] = await cancelRuns(client, jobId, `kind <> 'window' AND state IN ('queued', 'running')`, RENEWED);
  const runId = await queueRepair(client, jobId, { ...repair, ...(interrupted !== undefined && { interrupted }) });
  // Queued by a tick since: it holds no lock on the job.
  if (runId === undefined) throw new AppError('conflict', 'Another repair of the job has just been queued. Try again.');
  await queueRuns(client, [jobId]);
  return runId;
}

/** Until they are cleared, ticks queue the repair again if it has failed. */
async function saveFieldsToClear(client: Queryable, jobId: string, fields: readonly string[], refill: readonly string[]): Promise<void> {
  const added = Object.fromEntries(fields.map((field) => [field, refill.includes(field)]));
  await client.query('UPDATE jobs SET clear_fields = clear_fields || $2 WHERE id = $1', [jobId, JSON.stringify(added)]);
}
