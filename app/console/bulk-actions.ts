import { pauseJob } from '../actions/pause-job.ts';
import { requireJobById } from '../actions/require-job.ts';
import { resumeJob } from '../actions/resume-job.ts';
import { retryRun } from '../actions/retry-run.ts';
import { syncNow } from '../actions/sync-now.ts';
import type { Context } from '../context.ts';
import { AppError } from '../errors.ts';
import { listJob } from '../store/job-list.ts';
import type { BulkOutcome, Effect } from './act-on-jobs.ts';
import { count, formatNumber } from './format.ts';

/** Something that can be done with several jobs at once. */
export interface BulkAction {
  name: string;
  label: string;
  /** for example "Paused" */
  done: string;
  /** for example "paused already"; undefined: no job is */
  already?: string;
  act(context: Context, jobId: string, by: string): Promise<Effect>;
}

export const BULK_ACTIONS: readonly BulkAction[] = [
  {
    name: 'pause',
    label: 'Pause',
    done: 'Paused',
    already: 'paused already',
    async act(context, id, by) {
      const job = await requireJobById(context, id);
      if (!job.active) return 'already so';
      await pauseJob(context, job, by);
      return 'changed';
    },
  },
  {
    name: 'resume',
    label: 'Resume',
    done: 'Resumed',
    already: 'active already',
    async act(context, id, by) {
      const job = await requireJobById(context, id);
      if (job.active) return 'already so';
      await resumeJob(context, job, by);
      return 'changed';
    },
  },
  { name: 'retry', label: 'Retry', done: 'Retried', act: retryLatest },
  {
    name: 'sync-now',
    label: 'Sync now',
    done: 'Started a sync of',
    async act(context, id, by) {
      await syncNow(context, await requireJobById(context, id), by);
      return 'changed';
    },
  },
];

/** Retries a job's latest window. @throws AppError conflict if there is nothing to retry */
async function retryLatest(context: Context, jobId: string, by: string): Promise<Effect> {
  const job = await listJob(context.database, jobId);
  if (!job?.run) throw new AppError('conflict', 'The job has no run yet.');
  await retryRun(context, job.run.id, by);
  return 'changed';
}

/** How many reasons a summary contains. */
const MAX_REASONS = 3;

/** What an action did with how many jobs, and why not with the others, in sentences. */
export function summarize({ done, already }: BulkAction, outcome: BulkOutcome): string {
  const { changed, refusals, left } = outcome;
  const reasons = [...new Set(refusals)];
  const others = reasons.length > MAX_REASONS ? ` And ${formatNumber(reasons.length - MAX_REASONS)} other reasons.` : '';
  const refused = count(refusals.length, 'job was not changed', 'jobs were not changed');
  const nothing = changed === 0 && outcome.already === 0 && left === 0;
  return [
    ...(changed > 0 ? [`${done} ${count(changed, 'job')}.`] : []),
    ...(already && outcome.already > 0 ? [`${count(outcome.already, 'job was', 'jobs were')} ${already}.`] : []),
    ...(reasons.length > 0 ? [`${nothing ? 'Nothing has changed' : refused}: ${reasons.slice(0, MAX_REASONS).join(' ')}${others}`] : []),
    ...(left > 0 ? [`There was no time for ${count(left, 'job')}.`] : []),
  ].join(' ');
}
