import type { Queryable } from '../database.ts';
import type { Run } from '../runs/runs.ts';

/** How often each job is swept. */
export const SWEEP_INTERVAL = '7 days';

/** The recycle bin keeps deleted records for 15 days: after a longer gap, windows may have missed some. One day is a margin. */
const MAX_GAP = '14 days';

/** Makes the next sweep of a job due in a week. */
export async function postponeSweep(client: Queryable, jobId: string): Promise<void> {
  await client.query(`UPDATE jobs SET sweep_due_at = now() + interval '${SWEEP_INTERVAL}' WHERE id = $1`, [jobId]);
}

/** Makes a sweep due now if the window before this one was imported so long ago that deleted records may have left the recycle bin unread. */
export async function makeSweepDueAfterGap(client: Queryable, { runId, job }: Run): Promise<void> {
  await client.query(
    `UPDATE jobs SET sweep_due_at = least(sweep_due_at, now())
     WHERE id = $1 AND (SELECT max(finished_at) FROM runs WHERE job_id = $1 AND kind = 'window' AND state = 'succeeded' AND id <> $2)
       < now() - interval '${MAX_GAP}'`,
    [job.id, runId],
  );
}
