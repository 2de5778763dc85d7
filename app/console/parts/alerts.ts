import { shownKind } from '../../core/runs/shown-kind.ts';
import type { ListedConnection } from '../../store/connections/connection-list.ts';
import type { JobConcern } from '../../store/jobs/attention.ts';
import type { ListedJob } from '../../store/jobs/job-list.ts';
import type { Attention } from '../attention.ts';
import { count, formatNumber, relative, withoutCalls } from '../format.ts';
import { type Content, html, type Markup } from '../html.ts';
import type { Visit } from '../route.ts';
import { action } from './action.ts';
import { reconnection } from './reconnection.ts';

/** What needs a person, in words, each with the button that resolves it; nothing if nothing does. */
export function alerts(visit: Visit, attention: Attention): Markup | null {
  const { halted, logins, concerns, lateTick } = attention;
  const all = [
    ...(halted ? [alert('bad', 'Nothing is imported.', halted)] : []),
    ...loginAlerts(visit, logins),
    ...(lateTick ? [tickAlert(visit, lateTick)] : []),
    ...concerns.flatMap((concern) => concernAlerts(visit, concern)),
  ];
  return all.length > 0 ? html`<section class="card" aria-label="Needs attention">${all}</section>` : null;
}

/** What a connection is called: its alias, or its org. */
export function connectionName({ alias, orgName, orgId }: Pick<ListedConnection, 'alias' | 'orgName' | 'orgId'>): string {
  return alias ?? orgName ?? orgId;
}

function alert(kind: 'bad' | 'warn', what: Content, why: Content, buttons?: Content): Markup {
  return html`<div class=${`alert ${kind}`}>
    <span aria-hidden="true">${kind === 'bad' ? '●' : '▲'}</span>
    <p><b>${what}</b> <span class="why">${why}</span></p>
    ${buttons ? html`<div class="buttons">${buttons}</div>` : null}
  </div>`;
}

function loginAlerts(visit: Visit, { connections, first }: Attention['logins']): Markup[] {
  const shown = first.map((connection) => loginAlert(visit, connection));
  const others = connections - first.length;
  if (others === 0) return shown;
  const link = html`<a class="button" href="/console/connections?state=needs_login">Show all</a>`;
  return [...shown, alert('bad', `And ${count(others, 'more connection', 'more connections')}.`, 'They need a login as well.', link)];
}

function loginAlert(visit: Visit, connection: ListedConnection): Markup {
  const since = connection.endedAt ? html`<span> It ended ${relative(connection.endedAt, visit.now)}.</span>` : null;
  return alert(
    'bad',
    `${connectionName(connection)} needs a login.`,
    html`<span>${withoutCalls(connection.errorMessage ?? 'Salesforce no longer accepts its grant.')}${since} ${count(connection.jobs, 'job waits', 'jobs wait')}; nothing is lost.</span>`,
    reconnection(visit, connection),
  );
}

function tickAlert(visit: Visit, message: string): Markup {
  const why = 'Whatever calls handle_importing_job has stopped, and nothing new is imported. Check the schedule, or import now.';
  return alert('warn', message, why, action(visit, { label: 'Import what is due', path: '/tick' }));
}

/** The search that lists the other jobs of a concern; null: there is none. */
const LISTED: Record<JobConcern, string | null> = {
  window_failed: '/console/jobs?state=failed',
  repair_failed: '/console/jobs?repair=failed',
  fields_pending: null,
};

function concernAlerts(visit: Visit, { concern, jobs, first }: Attention['concerns'][number]): Markup[] {
  const shown = first.map((job) => (concern === 'fields_pending' ? fieldsAlert(job) : failureAlert(visit, job, concern)));
  const others = jobs - first.length;
  if (others === 0) return shown;
  const list = LISTED[concern];
  const link = list ? html`<a class="button" href=${list}>Show all</a>` : null;
  return [...shown, alert('bad', `And ${formatNumber(others)} more ${others === 1 ? 'job' : 'jobs'}.`, 'They need the same.', link)];
}

function failureAlert(visit: Visit, job: ListedJob, concern: JobConcern): Markup {
  const run = concern === 'window_failed' ? job.run! : job.repair!;
  const what = concern === 'window_failed' ? 'failed' : `${shownKind(run.kind, run.scope)} failed`;
  const isAcceptable = run.acceptableRows !== null;
  const name = html`<a href=${`/console/jobs/${job.id}`}>${job.objectName}</a>`;
  return alert(
    isAcceptable ? 'warn' : 'bad',
    html`<span>${name}: ${what}.</span>`,
    withoutCalls(run.errorMessage ?? ''),
    remedy(visit, job.id, run),
  );
}

/** The button that resolves a failed run. */
export function remedy(visit: Visit, jobId: string, run: NonNullable<ListedJob['run']>): Content {
  if (run.acceptableRows !== null) return html`<a class="button" href=${`/console/runs/${run.id}`}>Review</a>`;
  if (run.errorCode === 'target_replaced') return action(visit, { label: 'Rebuild', path: `/jobs/${jobId}/rebuild` });
  return action(visit, { label: 'Retry now', path: `/runs/${run.id}/retry` });
}

function fieldsAlert({ id, objectName, run }: ListedJob): Markup {
  const fields = run?.receipt?.fields_pending ?? [];
  const link = html`<a class="button" href=${`/console/jobs/${id}/fields`}>Review fields</a>`;
  const names =
    fields.length > 0 ? `${fields.slice(0, 5).join(', ')}${fields.length > 5 ? ` and ${fields.length - 5} more` : ''} ` : 'Fields ';
  const waits = fields.length === 1 ? 'is' : 'are';
  return alert('warn', `${objectName}: new fields await review.`, `${names}${waits} not read until you approve.`, link);
}
