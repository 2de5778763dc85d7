import type { DetailedRun } from '../actions/runs/detail-run.ts';
import type { ListedJob } from '../store/jobs/job-list.ts';
import type { FoundJobs } from '../store/jobs/job-search.ts';
import { formatNumber } from './format.ts';
import { jobStatus, type Status } from './job-status.ts';
import { loadedShare } from './live/loaded-share.ts';
import { runStatus } from './run-status.ts';

/** What a tab is called. @param attention how many things need a person; in a live part, console.js adds that of the menu */
export function documentTitle(title: string, attention = 0): string {
  return `${attention > 0 ? `(${attention}) ` : ''}${title} · Salesforce → BigQuery`;
}

/** What the tab of a run is called: how far it is, or that it failed. @param now in real time */
export function runDocumentTitle(title: string, detail: DetailedRun, now: Date): string {
  return withState(title, openState(detail, now) ?? failure(runStatus(detail.run, now)));
}

/** What the tab of a job is called: that it failed, or how far its open run is. @param now in real time */
export function jobDocumentTitle(job: ListedJob, [open]: readonly DetailedRun[], now: Date): string {
  return withState(job.objectName, failure(jobStatus(job, now)) ?? (open && openState(open, now)));
}

/** What the tab of a list of jobs is called: how many failed or need a login, or else how many are in progress. */
export function jobsDocumentTitle(title: string, { failed = 0, needs_login = 0, unfinished = 0 }: FoundJobs['counts']): string {
  const bad = [
    ...(failed > 0 ? [`${formatNumber(failed)} failed`] : []),
    ...(needs_login > 0 ? [`${formatNumber(needs_login)} ${needs_login === 1 ? 'needs' : 'need'} a login`] : []),
  ];
  const inProgress = unfinished > 0 ? `${formatNumber(unfinished)} in progress` : undefined;
  return withState(title, bad.length > 0 ? `✗ ${bad.join(', ')}` : inProgress);
}

/** First, because a tab shows only the start. */
function withState(title: string, state: string | undefined): string {
  return state === undefined ? title : `${state} · ${title}`;
}

function failure({ meaning, label }: Status): string | undefined {
  return meaning === 'bad' ? `✗ ${label}` : undefined;
}

function openState(detail: DetailedRun, now: Date): string | undefined {
  const { run } = detail;
  if (run.finishedAt !== null) return undefined;
  const share = run.state === 'running' ? loadedShare(detail) : undefined;
  return share === undefined ? runStatus(run, now).label : `${Math.floor(share * 100)} %`;
}
