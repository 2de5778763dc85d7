import type { Context } from '../../context.ts';
import { aboutJob, insertChange } from '../../store/audit.ts';
import { transaction } from '../../store/database.ts';
import { changeStoredJob } from '../../store/jobs/change-job.ts';
import { saveWeeklyChanges } from '../../store/jobs/job-loads.ts';
import type { Job } from '../../store/jobs/jobs.ts';
import { columnOf } from '../../store/to-record.ts';
import { repairIsOpen } from '../runs/start-repair.ts';
import { policyDetails } from './choose-policy.ts';
import { type JobChangeRequest, planJobChange } from './plan-job-change.ts';

/**
 * Changes a job. An earlier start date is imported by a reimport of the difference; `deletes` also applies to the rows that are deleted
 * already, except that nothing returns; the values so far of fields that are from now on excluded or hashed are erased: each by a repair
 * that is queued in the same transaction.
 * @param by who requested it
 * @returns what the caller should know, in sentences
 * @throws AppError invalid_request; conflict if a repair is required and another one is open
 */
export async function changeJob(context: Context, job: Job, request: JobChangeRequest, by: string): Promise<string> {
  const { changes, repair, cost, effects } = await planJobChange(context, job, request);
  if (Object.keys(changes).length === 0) return 'Nothing has changed: the job has these values already.';
  if (cost) await saveWeeklyChanges(context.database, job.id, cost.weeklyChanges);
  const changed = await transaction(context.database, async (client) => {
    const done = await changeStoredJob(client, job, changes, repair);
    if (done.kind === 'repair-open') return done;
    const details = { fields: Object.keys(changes).map(columnOf), ...policyDetails(changes) };
    await insertChange(client, { by, action: 'job_changed', ...aboutJob(job), ...(done.runId && { runId: done.runId }), details });
    return done;
  });
  if (changed.kind === 'repair-open') throw await repairIsOpen(context, job);
  context.events.jobChanged(job, Object.keys(changes), by);
  if (changed.runId !== undefined) context.events.repairRequested({ runId: changed.runId, job }, 'reimport', by);
  return effects.join(' ');
}
