import type { Erasure } from '../../core/runs/pass.ts';
import { AppError } from '../../errors.ts';
import type { Queryable } from '../database.ts';
import { cancelRuns, lockOpenRuns } from '../jobs/jobs.ts';
import { queueRepair, queueRuns, RENEWED, type Repair, saveRecordToErase } from './queue-runs.ts';

/**
 * Queues a repair of a job that erases values. The job's open runs may have read these values, or resolved their fields before a change of
 * the job in the same transaction, so they end and their workers lose their leases: the window is queued again at once, beside the repair;
 * an open repair starts over when nothing is left to erase. Until this one has succeeded, ticks queue it again if it failed. Must be called
 * in a transaction.
 * @returns its id
 */
export async function queueFirst(client: Queryable, jobId: string, repair: Repair & Erasure): Promise<string> {
  // A run that is claimed meanwhile is waited for: its worker may have read the job as it was before.
  await lockOpenRuns(client, jobId);
  if (repair.clear) await saveFieldsToClear(client, jobId, repair.clear, repair.refill ?? []);
  if (repair.erase !== undefined) await saveRecordToErase(client, jobId, repair.erase);
  await cancelRuns(client, jobId, `kind = 'window' AND state IN ('queued', 'running')`, RENEWED);
  const interrupted = await cancelRuns(client, jobId, `kind <> 'window' AND state IN ('queued', 'running')`, RENEWED);
  await saveInterrupted(
    client,
    jobId,
    interrupted.map(({ id }) => id),
  );
  const runId = await queueRepair(client, jobId, repair);
  // Queued by a tick since: it holds no lock on the job.
  if (runId === undefined) throw new AppError('conflict', 'Another repair of the job has just been queued. Try again.');
  await queueRuns(client, [jobId]);
  return runId;
}

async function saveFieldsToClear(client: Queryable, jobId: string, fields: readonly string[], refill: readonly string[]): Promise<void> {
  const added = Object.fromEntries(fields.map((field) => [field, refill.includes(field)]));
  await client.query('UPDATE jobs SET clear_fields = clear_fields || $2 WHERE id = $1', [jobId, JSON.stringify(added)]);
}

/** An erasing run among them is not saved: the job has what it was to erase. */
async function saveInterrupted(client: Queryable, jobId: string, runIds: readonly string[]): Promise<void> {
  await client.query(
    `UPDATE jobs SET interrupted = interrupted || ARRAY(SELECT id FROM runs WHERE id = ANY($2::uuid[]) AND NOT scope ?| '{clear,erase}')
     WHERE id = $1`,
    [jobId, runIds],
  );
}
