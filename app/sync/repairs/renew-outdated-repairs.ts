import type { Context } from '../../context.ts';
import { changesColumns } from '../../core/fields/drift.ts';
import { transaction } from '../../store/database.ts';
import { renewRepairs } from '../../store/runs/queue-runs.ts';
import type { Run } from '../../store/runs/runs.ts';

/**
 * Starts a job's open repair over if a window has changed the table's columns, because the repair reads and writes the earlier ones.
 * Its worker loses its lease.
 */
export async function renewOutdatedRepairs({ database, events }: Context, run: Run): Promise<void> {
  const { job, pass, drift } = run;
  if (pass.kind !== 'window' || !changesColumns(drift)) return;
  const renewed = await transaction(database, (client) => renewRepairs(client, 'job_id = $3 AND columns IS NOT NULL', [job.id]));
  if (renewed > 0) events.repairRenewed(run);
}
