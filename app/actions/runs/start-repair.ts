import type { Context } from '../../context.ts';
import { formatBound } from '../../core/jobs/start-date.ts';
import { AppError } from '../../errors.ts';
import { aboutJob, insertChange } from '../../store/audit.ts';
import { transaction } from '../../store/database.ts';
import { type JobWithRun, listJob } from '../../store/jobs/job-list.ts';
import type { Job } from '../../store/jobs/jobs.ts';
import { queueRepair, type Repair } from '../../store/runs/queue-runs.ts';
import { requireRun } from './require-run.ts';

/**
 * Queues a repair of a job.
 * @param by who requested it
 * @throws AppError conflict if the job replaces its table by itself, is paused, or another repair of it is open
 */
export async function startRepair(context: Context, job: Job, repair: Repair, by: string): Promise<JobWithRun> {
  if (job.cursorField === null && repair.kind !== 'rebuild') throw isWhole(job);
  requireActive(job);
  const runId = await transaction(context.database, async (client) => {
    const queued = await queueRepair(client, job.id, repair);
    if (queued === undefined) return undefined;
    await insertChange(client, { by, action: 'repair_requested', ...aboutJob(job), runId: queued, details: repairDetails(repair) });
    return queued;
  });
  if (runId === undefined) throw await repairIsOpen(context, job);
  context.events.repairRequested({ runId, job }, repair.kind, by);
  return await requireRun(context, runId);
}

/** What the audit records of a repair: how many Ids it reads, but never the Ids. A rebuild or a sweep reads everything. */
function repairDetails(repair: Repair): Record<string, unknown> {
  if (repair.kind !== 'reimport') return { kind: repair.kind };
  const { kind, window, ids, idFrom, idTo, compare } = repair;
  return {
    kind,
    ...(ids ? { ids: ids.length } : { from: formatBound(window.from), to: formatBound(window.to) }),
    ...((idFrom !== undefined || idTo !== undefined) && { id_range: true }),
    ...(compare && { compare }),
  };
}

function isWhole({ objectName, id }: Job): AppError {
  const message = `Each window of ${objectName} replaces its whole table, so there is nothing else to repair. To replace it now, call POST /v1/jobs/${id}/rebuild.`;
  return new AppError('conflict', message);
}

/** @throws AppError conflict if a repair of the job would wait, because the job is paused */
export function requireActive({ active, objectName }: Job): void {
  if (!active) throw new AppError('conflict', `The job for ${objectName} is paused. Call resume_importing_job first.`);
}

/** The error of a repair that was requested while another one is open. */
export async function repairIsOpen({ database }: Context, { id, objectName }: Job): Promise<AppError> {
  const open = (await listJob(database, id))?.repair;
  const which = open ? `: the ${open.kind} ${open.id}` : '';
  return new AppError('conflict', `A repair of ${objectName} is already open${which}. Wait until it has ended, or cancel it.`);
}
