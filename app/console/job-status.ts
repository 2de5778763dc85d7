import { jobState } from '../core/jobs/job-state.ts';
import type { ListedJob } from '../store/jobs/job-list.ts';
import { count, formatBound, withoutCalls } from './format.ts';
import type { Meaning } from './parts/pill.ts';

/** How a job or a run is doing. */
export interface Status {
  meaning: Meaning;
  /** in a word or two */
  label: string;
  /** why, or what happens next, in a sentence; undefined: nothing to add */
  why?: string;
}

/** The state of a job. @param now in real time */
export function jobStatus(job: ListedJob, now: Date): Status {
  const { run } = job;
  const why = run?.errorMessage ? withoutCalls(run.errorMessage) : undefined;
  switch (jobState(job, now)) {
    case 'paused':
      return { meaning: 'neutral', label: 'paused' };
    case 'needs_login':
      return { meaning: 'bad', label: 'needs login', ...(job.loginError && { why: withoutCalls(job.loginError.message) }) };
    case 'failed':
      return { meaning: 'bad', label: 'failed', ...(why && { why }) };
    case 'deferred': {
      const until = formatBound(run!.runAt).split(', ').at(-1)!;
      return { meaning: 'warn', label: `deferred · ${until}`, why: why ?? 'Salesforce may still commit changes of its window.' };
    }
    case 'unfinished':
      if (run?.state === 'running') return { meaning: 'live', label: 'running' };
      if (run?.state === 'queued') return { meaning: 'live', label: 'queued', ...(why && { why }) };
      if (run?.state === 'cancelled') return { meaning: 'neutral', label: 'cancelled', why: 'The next tick starts it again.' };
      return { meaning: 'neutral', label: job.syncedTo > job.startDate ? 'due' : 'not started', why: 'The next tick starts it.' };
    case 'complete':
      return run?.receipt ? verdictStatus(run.receipt.verdict) : { meaning: 'neutral', label: 'nothing due' };
  }
}

/** What a receipt's verdict says. */
export function verdictStatus(verdict: string): Status {
  if (verdict === 'exact' || verdict === 'equal') return { meaning: 'good', label: verdict };
  const within = /^within (\d+)$/.exec(verdict)?.[1];
  if (within) {
    const why = `Salesforce's counts before and after differ from the rows read by ${count(Number(within), 'row')}: rows changed meanwhile.`;
    return { meaning: 'good', label: verdict, why };
  }
  if (verdict.startsWith('accepted: ')) return { meaning: 'warn', label: 'accepted', why: verdict.slice('accepted: '.length) };
  if (verdict === 'not counted') return { meaning: 'neutral', label: verdict, why: 'Salesforce could not count the rows.' };
  return { meaning: 'warn', label: verdict };
}
