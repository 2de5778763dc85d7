import { isPending, type PendingState } from '../core/jobs/job-state.ts';
import { formatInstant, formatLastDate } from '../core/jobs/start-date.ts';
import { nextWindowEnd } from '../core/runs/window.ts';
import { sum } from '../core/sum.ts';
import type { ListedJob } from '../store/jobs/job-list.ts';
import type { JobStates, JobsInState } from '../store/jobs/job-states.ts';

/** The report of a tick with `wait`. */
export interface TickReport {
  /** starts with OK if nothing failed or is pending */
  message: string;
  /** for callers that prefer JSON */
  json: object;
}

/** Limits on the jobs listed in text and in JSON: there may be thousands. */
const MAX_NAMED = 10;
const MAX_LISTED = 100;

/** More jobs in one state are counted instead of named. */
const MAX_NAMED_TOGETHER = 3;

/** The jobs that a report may name. */
export const REPORTED = { names: MAX_NAMED_TOGETHER, pending: MAX_LISTED, rereading: MAX_NAMED };

/** For a caller who expected something to be due. */
const SYNC_NOW = '; for changes since then, call /v1/jobs/{job_id}/sync-now';

/**
 * Summarizes the jobs of a tick.
 * @param states with as many jobs as REPORTED
 * @param due whether the tick started a run or waited for one
 * @param at when the tick came, in schedule time
 */
export function toTickReport(states: JobStates, due: boolean, at: Date): TickReport {
  const { groups, pending } = states;
  const counts = [...Map.groupBy(groups, ({ state }) => state)].map(([state, found]) => [state, countJobs(found)] as const);
  const active = groups.filter(({ state }) => state !== 'paused');
  const next = earliestWindowEnd(active, at);
  const message =
    pending.length > 0
      ? describePending(pending, countJobs(groups.filter(({ state }) => isPending(state))), countJobs(active))
      : `OK${due ? '' : ', nothing due'}: ${describeComplete(states, next)}${due || !next ? '' : SYNC_NOW}`;
  return {
    message,
    json: {
      ok: pending.length === 0,
      message,
      next_window_closes: next?.toISOString() ?? null,
      counts: Object.fromEntries(counts),
      jobs: pending.map(({ state, job }) => listPending(state, job)),
    },
  };
}

function countJobs(groups: readonly JobsInState[]): number {
  return sum(groups.map(({ jobs }) => jobs));
}

/** When the next window of any active job ends, after `at`; undefined: no job is active. */
function earliestWindowEnd(active: readonly JobsInState[], at: Date): Date | undefined {
  const ends = active.flatMap(({ every }) => every).map((every) => nextWindowEnd(at, every).getTime());
  return ends.length > 0 ? new Date(Math.min(...ends)) : undefined;
}

/** @param found how many are pending, of whom only the first are listed */
function describePending(pending: JobStates['pending'], found: number, active: number): string {
  const left = found - MAX_NAMED;
  return [
    `Not complete: ${found} of ${count(active, 'job')}.`,
    ...pending.slice(0, MAX_NAMED).map(({ state, job }) => describeJob(state, job)),
    ...(left > 0 ? [`And ${count(left, 'more job')}: see /jobs.`] : []),
  ].join('\n');
}

function describeJob(state: PendingState, job: ListedJob): string {
  const { objectName, run } = job;
  const error = errorOf(state, job);
  const reason = error ? ` ${error.code}: ${error.message}` : '';
  switch (state) {
    case 'failed':
      return `${objectName} failed.${reason}`;
    case 'needs_login':
      return `${objectName} waits for a login: call get_oauth_url and login_oauth_callback.${reason}`;
    case 'deferred':
      return `${objectName} is deferred until ${formatInstant(run!.runAt)}.${reason || ' Salesforce may still commit changes of its window.'}`;
    case 'unfinished':
      return `${objectName} is ${run && ['queued', 'running'].includes(run.state) ? run.state : 'not started'}.${reason}`;
  }
}

function describeComplete({ groups, rereading }: JobStates, next: Date | undefined): string {
  if (groups.length === 0) return 'there are no jobs';
  const paused = groups.filter(({ state }) => state === 'paused');
  // Jobs with different intervals are usually complete through different times.
  const complete = groups.flatMap((group) => (group.syncedTo ? [{ ...group, syncedTo: group.syncedTo }] : []));
  const parts = complete.map((group) => `${nameAll(group)} complete through ${formatInstant(group.syncedTo)}`);
  if (next) parts.push(`next window closes ${formatInstant(next)}`);
  const incomplete = sum(complete.map((group) => group.rereading));
  if (incomplete > 0) {
    const named = rereading.map((job) => `${job.objectName} from ${formatInstant(job.rereadFrom!)}`);
    const more = incomplete > named.length ? [count(incomplete - named.length, 'more job')] : [];
    const list = new Intl.ListFormat('en').format([...named, ...more]);
    parts.push(`Salesforce committed some rows late, and the next window reads them: ${list}`);
  }
  return [...parts, ...paused.map((group) => `${nameAll(group)} paused`)].join('; ');
}

/** For example "Account is", "Account and Lead are", "12 jobs are". */
function nameAll({ jobs, names }: JobsInState): string {
  const list = new Intl.ListFormat('en').format(names);
  return `${jobs > MAX_NAMED_TOGETHER ? count(jobs, 'job') : list} ${jobs === 1 ? 'is' : 'are'}`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

/** Why a job is in this state, if there is an error. The end of its connection's grant concerns all jobs of the connection at once. */
function errorOf(state: PendingState, { run, loginError }: ListedJob): { code: string; message: string } | null {
  if (state === 'needs_login') return loginError && { code: loginError.code, message: loginError.message };
  return run?.errorCode ? { code: run.errorCode, message: run.errorMessage! } : null;
}

function listPending(state: PendingState, job: ListedJob): object {
  const { userId, objectName, syncedTo, every, run } = job;
  return {
    user_id: userId,
    object_name: objectName,
    state,
    last_date: formatLastDate(syncedTo, every),
    run_at: state === 'deferred' && run ? run.runAt.toISOString() : null,
    deferred_until: state === 'deferred' && run ? run.runAt.toISOString() : null,
    error: errorOf(state, job),
  };
}
