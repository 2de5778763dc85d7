import { type JobState, jobState } from '../core/job-state.ts';
import { formatInstant, formatLastDate } from '../core/start-date.ts';
import { nextWindowEnd } from '../core/window.ts';
import type { ListedJob } from '../store/job-list.ts';

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

/** For a caller who expected something to be due. */
const SYNC_NOW = '; for changes since then, call /v1/jobs/{job_id}/sync-now';

/** States that need attention, most urgent first. */
const PENDING = ['failed', 'needs_login', 'deferred', 'unfinished'] as const satisfies JobState[];

/**
 * Summarizes the jobs of a tick.
 * @param due whether the tick started a run or waited for one
 * @param at when the tick came, in schedule time
 * @param now in real time
 */
export function toTickReport(jobs: readonly ListedJob[], due: boolean, at: Date, now: Date): TickReport {
  const byState = Map.groupBy(jobs, (job) => jobState(job, now));
  const next = earliestWindowEnd(jobs, at);
  const pending = PENDING.flatMap((state) => (byState.get(state) ?? []).map((job) => ({ state, job })));
  const message =
    pending.length > 0
      ? describePending(pending, jobs.length - (byState.get('paused')?.length ?? 0))
      : `OK${due ? '' : ', nothing due'}: ${describeComplete(byState.get('complete') ?? [], byState.get('paused') ?? [], next)}${due || !next ? '' : SYNC_NOW}`;
  return {
    message,
    json: {
      ok: pending.length === 0,
      message,
      next_window_closes: next?.toISOString() ?? null,
      counts: Object.fromEntries([...byState].map(([state, found]) => [state, found.length])),
      jobs: pending.slice(0, MAX_LISTED).map(({ state, job }) => listPending(state, job)),
    },
  };
}

/** When the next window of any active job ends, after `at`; undefined: no job is active. */
function earliestWindowEnd(jobs: readonly ListedJob[], at: Date): Date | undefined {
  const ends = jobs.filter((job) => job.active).map((job) => nextWindowEnd(at, job.every).getTime());
  return ends.length > 0 ? new Date(Math.min(...ends)) : undefined;
}

interface Pending {
  state: (typeof PENDING)[number];
  job: ListedJob;
}

function describePending(pending: readonly Pending[], active: number): string {
  const left = pending.length - MAX_NAMED;
  return [
    `Not complete: ${pending.length} of ${count(active, 'job')}.`,
    ...pending.slice(0, MAX_NAMED).map(({ state, job }) => describeJob(state, job)),
    ...(left > 0 ? [`And ${count(left, 'more job')}: see /jobs.`] : []),
  ].join('\n');
}

function describeJob(state: Pending['state'], job: ListedJob): string {
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

function describeComplete(complete: readonly ListedJob[], paused: readonly ListedJob[], next: Date | undefined): string {
  if (complete.length + paused.length === 0) return 'there are no jobs';
  // Jobs with different intervals are usually complete through different times.
  const byEnd = Map.groupBy(complete, (job) => job.syncedTo.getTime());
  const parts = [...byEnd].map(([through, jobs]) => `${nameAll(jobs)} complete through ${formatInstant(new Date(through))}`);
  if (next) parts.push(`next window closes ${formatInstant(next)}`);
  const incomplete = complete.filter((job) => job.rereadFrom !== null);
  if (incomplete.length > 0) {
    const named = incomplete.slice(0, MAX_NAMED).map((job) => `${job.objectName} from ${formatInstant(job.rereadFrom!)}`);
    const more = incomplete.length > MAX_NAMED ? [count(incomplete.length - MAX_NAMED, 'more job')] : [];
    const list = new Intl.ListFormat('en').format([...named, ...more]);
    parts.push(`Salesforce committed some rows late, and the next window reads them: ${list}`);
  }
  if (paused.length > 0) parts.push(`${nameAll(paused)} paused`);
  return parts.join('; ');
}

/** For example "Account is", "Account and Lead are", "12 jobs are". */
function nameAll(jobs: readonly ListedJob[]): string {
  const names = new Intl.ListFormat('en').format(jobs.map((job) => job.objectName));
  return `${jobs.length > 3 ? count(jobs.length, 'job') : names} ${jobs.length === 1 ? 'is' : 'are'}`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

/** Why a job is in this state, if there is an error. The end of its connection's grant concerns all jobs of the connection at once. */
function errorOf(state: JobState, { run, loginError }: ListedJob): { code: string; message: string } | null {
  if (state === 'needs_login') return loginError && { code: loginError.code, message: loginError.message };
  return run?.errorCode ? { code: run.errorCode, message: run.errorMessage! } : null;
}

function listPending(state: JobState, job: ListedJob): object {
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
