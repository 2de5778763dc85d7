import { pauseJob } from '../actions/jobs/pause-job.ts';
import { requireJobById } from '../actions/jobs/require-job.ts';
import { resumeJob } from '../actions/jobs/resume-job.ts';
import { retryRun } from '../actions/runs/retry-run.ts';
import { syncNow } from '../actions/runs/sync-now.ts';
import type { Context } from '../context.ts';
import { AppError } from '../errors.ts';
import { listJob } from '../store/jobs/job-list.ts';
import type { BulkOutcome, Effect, Refusal } from './act-on-jobs.ts';
import { count, withoutCalls } from './format.ts';

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

/** Retries a job's latest repair if it failed, and its latest window. @throws AppError conflict if there is nothing to retry */
async function retryLatest(context: Context, jobId: string, by: string): Promise<Effect> {
  const job = await listJob(context.database, jobId);
  const repair = job?.repair?.state === 'failed' ? job.repair : undefined;
  const run = repair && job?.run?.state === 'succeeded' ? undefined : job?.run;
  if (!repair && !run) throw new AppError('conflict', 'The job has no run yet.');
  if (repair) await retryRun(context, repair.id, by);
  if (run) await retryRun(context, run.id, by);
  return 'changed';
}

/** What an action did with how many jobs, and why not with the others, in sentences. */
export function summarize({ done, already }: BulkAction, outcome: BulkOutcome): string {
  const { changed, refusals, left } = outcome;
  const isNothing = changed === 0 && outcome.already === 0 && left === 0;
  return [
    ...(changed > 0 ? [`${done} ${count(changed, 'job')}.`] : []),
    ...(already && outcome.already > 0 ? [`${count(outcome.already, 'job was', 'jobs were')} ${already}.`] : []),
    ...(refusals.length > 0 ? [describe(refusals, isNothing)] : []),
    ...(left > 0 ? [`There was no time for ${count(left, 'job')}.`] : []),
  ].join(' ');
}

/** One example of each kind of refusal: messages contain names and dates, so few are equal. @param isNothing whether no job has changed */
function describe(refusals: readonly Refusal[], isNothing: boolean): string {
  const head = isNothing ? 'Nothing has changed' : count(refusals.length, 'job was not changed', 'jobs were not changed');
  const kinds = [...Map.groupBy(refusals, ({ code }) => code).values()].map((alike) => {
    const others = new Set(alike.map(({ message }) => message)).size - 1;
    const similar = others > 0 ? ` And ${count(others, 'similar reason')}.` : '';
    return { jobs: alike.length, example: `${withoutCalls(alike[0]!.message)}${similar}` };
  });
  if (kinds.length === 1) return `${head}: ${kinds[0]!.example}`;
  return [`${head}.`, ...kinds.map(({ jobs, example }) => `${count(jobs, 'job')}: ${example}`)].join(' ');
}
