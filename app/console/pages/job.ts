import { pauseJob } from '../../actions/jobs/pause-job.ts';
import { requireJobById } from '../../actions/jobs/require-job.ts';
import { resumeJob } from '../../actions/jobs/resume-job.ts';
import { detailRun } from '../../actions/runs/detail-run.ts';
import { rebuild } from '../../actions/runs/rebuild.ts';
import { reimport } from '../../actions/runs/reimport.ts';
import { sweep } from '../../actions/runs/sweep.ts';
import { syncNow } from '../../actions/runs/sync-now.ts';
import type { Context } from '../../context.ts';
import { queryDollars } from '../../core/jobs/monthly-cost.ts';
import type { Stage } from '../../core/runs/receipt-stages.ts';
import { isRunId } from '../../core/runs/run-id.ts';
import { shownKind } from '../../core/runs/shown-kind.ts';
import { AppError } from '../../errors.ts';
import { listBusyRuns } from '../../store/busy-runs.ts';
import type { ListedConnection } from '../../store/connections/connection-list.ts';
import { type JobWithRun, type ListedJob, listJob, listRunPage, type Position } from '../../store/jobs/job-list.ts';
import type { Job } from '../../store/jobs/jobs.ts';
import { type BilledMonth, billedByMonth } from '../../store/runs/billed.ts';
import { readConnectionOf } from '../attention.ts';
import { documentTitle, jobDocumentTitle } from '../document-title.ts';
import { formatBound, formatBytes, formatDollars, formatWindow } from '../format.ts';
import { type Content, html, type Markup } from '../html.ts';
import { jobStatus } from '../job-status.ts';
import { onChange, repeat } from '../live/live.ts';
import { LOOK_MS, readChanging } from '../live/read-changing.ts';
import { action } from '../parts/action.ts';
import { connectionName } from '../parts/alerts.ts';
import { jobMenu } from '../parts/job-menu.ts';
import { completeThrough, lagOf } from '../parts/job-table.ts';
import { jobTabs } from '../parts/job-tabs.ts';
import { live } from '../parts/live.ts';
import { pill } from '../parts/pill.ts';
import { reconnection } from '../parts/reconnection.ts';
import { endedRunCard, openRunCard } from '../parts/run-card.ts';
import { runCharts } from '../parts/run-charts.ts';
import { runTable } from '../parts/run-table.ts';
import type { Page, Route, SeeOther, Visit } from '../route.ts';
import { runTitle } from '../run-status.ts';
import { returnAddress } from '../session/return-address.ts';

/** A job: what it is doing, its last receipt, its runs, and what can be done with it. */
export const job: readonly Route[] = [
  { method: 'GET', path: '/jobs/:id', handle: page },
  { method: 'GET', path: '/jobs/:id/live', handle: async (visit) => ({ pieces: pieces(visit) }) },
  act('pause', async (context, stored, by) => {
    await pauseJob(context, stored, by);
    return `${stored.objectName} is paused: ticks start no runs for it. A run that is in progress finishes first.`;
  }),
  act('resume', async (context, stored, by) => {
    await resumeJob(context, stored, by);
    return `${stored.objectName} is resumed: the next tick imports what it missed.`;
  }),
  act('sync-now', async (context, stored, by) => started(await syncNow(context, stored, by), 'Sync')),
  act('sweep', async (context, stored, by) => started(await sweep(context, stored, by))),
  act('rebuild', async (context, stored, by) => started(await rebuild(context, stored, by))),
  act('reimport', async (context, stored, by, form) => started(await reimport(context, stored, rangeOf(form), by))),
  act('compare', async (context, stored, by, form) => started(await reimport(context, stored, { ...rangeOf(form), compare: true }, by))),
];

/** An action of a job's page. @param perform returns what it did, in a sentence */
function act(name: string, perform: (context: Context, stored: Job, by: string, form: URLSearchParams) => Promise<string>): Route {
  return {
    method: 'POST',
    path: `/jobs/:id/${name}`,
    async handle({ context, params, caller, form }): Promise<SeeOther> {
      const stored = await requireJobById(context, requireId(params.id));
      const text = await perform(context, stored, caller.name, form);
      const back = returnAddress(form.get('back'));
      return { location: back === '/console' ? `/console/jobs/${stored.id}` : back, notice: { kind: 'good', text } };
    },
  };
}

/** @param name what the button calls it; undefined: its kind */
function started({ run, objectName }: JobWithRun, name?: string): string {
  const title = name ? `${name} ${formatWindow(run.windowFrom, run.windowTo)}` : runTitle(run);
  return `${objectName}: ${title} is queued.`;
}

function rangeOf(form: URLSearchParams): { from: string | undefined; to: string | undefined } {
  return { from: form.get('from') || undefined, to: form.get('to') || undefined };
}

/** @throws AppError not_found */
export function requireId(id: string | undefined): string {
  if (id && isRunId(id)) return id;
  throw new AppError('not_found', 'The address of this page contains no id of a job or a run.');
}

/** The job of a page. @throws AppError not_found */
export async function requireListedJob({ context, params }: Visit): Promise<ListedJob> {
  const found = await listJob(context.database, requireId(params.id));
  if (found) return found;
  throw new AppError('not_found', 'No job has this id. It may have been deleted.');
}

const RUNS_PER_PAGE = 20;

/** The runs of the charts. */
const CHARTED_RUNS = 60;

/** How often the list of runs is read again. */
const RENEW_LIST_MS = 10_000;

/** How often what was billed is summed again, which takes up to 30 ms. */
const RENEW_BILLED_MS = 60_000;

interface JobView {
  found: ListedJob;
  open: Awaited<ReturnType<typeof detailRun>>[];
  /** what failed runs counted before they stopped, by their ids */
  soFar: Readonly<Record<string, Stage[]>>;
  runs: JobWithRun['run'][];
  last: Position | undefined;
  /** for the charts, oldest first */
  busy: JobWithRun['run'][];
  billed: BilledMonth[];
  scheduleNow: Date;
  /** its connection, if that needs a login */
  loggedOut: ListedConnection | undefined;
}

async function read(visit: Visit, after?: Position): Promise<JobView> {
  const { context, shared } = visit;
  const { database } = context;
  const found = await requireListedJob(visit);
  const isOpen = (run: ListedJob['run']): run is JobWithRun['run'] => run?.state === 'queued' || run?.state === 'running';
  const openRuns = [found.run, found.repair].filter(isOpen);
  // The list changes when a run starts or ends, also one that is too short to be seen open.
  const list = `runs of ${found.id}: ${[found.run, found.repair].map((run) => `${run?.id} ${run?.state}`)}`;
  const [open, [{ runs, last }, busy, scheduleNow], billed] = await Promise.all([
    Promise.all(openRuns.map(({ id }) => detailRun(context, id))),
    shared.read(after ? `${list} before ${after.createdAt} ${after.id}` : list, RENEW_LIST_MS, () =>
      Promise.all([
        listRunPage(database, found.id, { limit: RUNS_PER_PAGE, after }),
        listBusyRuns(database, found.id, CHARTED_RUNS),
        context.scheduleNow(),
      ]),
    ),
    shared.read(`billed for ${found.id}`, RENEW_BILLED_MS, () => billedByMonth(database, found.id)),
  ]);
  const failed = [latestEnded(runs), found.repair].filter((run) => run?.state === 'failed').map((run) => run!.id);
  const soFar = Object.fromEntries(
    await Promise.all(
      failed.map(async (id) => {
        const { stages } = await shared.read(`counts of ${id}`, RENEW_LIST_MS, () => detailRun(context, id));
        return [id, stages] as const;
      }),
    ),
  );
  const loggedOut = found.needsLogin ? await readConnectionOf(visit, found) : undefined;
  return { found, open, soFar, runs, last: runs.length === RUNS_PER_PAGE ? last : undefined, busy, billed, scheduleNow, loggedOut };
}

function latestEnded(runs: JobView['runs']): JobWithRun['run'] | undefined {
  return runs.find(({ finishedAt }) => finishedAt !== null);
}

/** With its latest runs; shared with the live parts. */
function readCurrent(visit: Visit): Promise<JobView> {
  return readChanging(visit, 'job', requireId(visit.params.id), () => read(visit));
}

async function page(visit: Visit): Promise<Page> {
  const after = readPosition(visit.query);
  const view = after ? await read(visit, after) : await readCurrent(visit);
  const { found } = view;
  const connection = await readConnectionOf(visit, found);
  return {
    title: found.objectName,
    tab: jobDocumentTitle(found, view.open, visit.now),
    heading: heading(visit, found, connection),
    body: html`<div>${jobTabs(found, 'runs', visit)}${after ? earlierRuns(visit, view) : live(visit, `/jobs/${found.id}/live`, content(visit, view))}</div>`,
  };
}

async function* pieces(visit: Visit): AsyncGenerator<Markup> {
  const render = onChange((view: JobView) => {
    const current = { ...visit, now: new Date() };
    const tab = documentTitle(jobDocumentTitle(view.found, view.open, current.now));
    return html`<div data-title=${tab}>${statePill(view.found, current.now, true)}${buttons(current, view.found, true)}${content(current, view)}</div>`;
  });
  yield* repeat(async () => ({ piece: render(await readCurrent(visit)), pauseMs: LOOK_MS }), visit.closed);
}

/** The state beside the title. @param isUpdate whether it replaces that of the page */
function statePill(found: ListedJob, now: Date, isUpdate: boolean): Markup {
  const { meaning, label } = jobStatus(found, now);
  return html`<span id="job-state" hx-swap-oob=${isUpdate ? 'true' : undefined}>${pill(meaning, label)}</span>`;
}

/** What can be done with a job; nothing without the permission. @param isUpdate whether it replaces that of the page */
function buttons(visit: Visit, found: ListedJob, isUpdate: boolean): Content {
  const { id, active } = found;
  if (!visit.can.operate) return null;
  return html`<span class="push" id="job-buttons" hx-swap-oob=${isUpdate ? 'outerMorph' : undefined}>
    ${action(visit, active ? { label: 'Pause', path: `/jobs/${id}/pause` } : { label: 'Resume', path: `/jobs/${id}/resume`, look: 'primary' })}
    ${active ? action(visit, { label: 'Sync now', path: `/jobs/${id}/sync-now` }) : null}
    ${jobMenu(visit, found)}
  </span>`;
}

/** What the job is, and its buttons. */
export function heading(visit: Visit, found: ListedJob, connection: ListedConnection | undefined): Content {
  const { every, deletes, history } = found;
  const options = [
    every === 'day' ? 'every day' : `every ${every}`,
    `deleted rows ${DELETED[deletes]}`,
    ...(history ? ['with history'] : []),
  ];
  return [
    statePill(found, visit.now, false),
    html`<span class="sub">${connection ? connectionName(connection) : 'Salesforce'} → <span class="mono">${found.targetDataset}.${found.targetTable}</span> · ${options.join(' · ')}</span>`,
    buttons(visit, found, false),
  ];
}

const DELETED = { keep: 'kept', blank: 'blanked', remove: 'removed' };

function content(visit: Visit, view: JobView): Markup {
  const { found, open, soFar, runs, busy, billed, scheduleNow, loggedOut } = view;
  const { why, meaning } = jobStatus(found, visit.now);
  // What failed last is explained even if a receipt came before it.
  const latest = latestEnded(runs);
  const proof = latest?.state === 'failed' ? runs.find(({ receipt }) => receipt) : undefined;
  // A repair that failed stays failed until another one ends, whatever windows do meanwhile.
  const failedRepair = found.repair?.state === 'failed' && found.repair.id !== latest?.id ? found.repair : undefined;
  const endedCard = (run: JobWithRun['run']): Markup => endedRunCard(visit, { ...found, run }, 'job', soFar[run.id]);
  return html`<div>
    ${!found.active ? html`<p class="notice bad"><span aria-hidden="true">‖</span> This job is paused: nothing is imported until it is resumed.</p>` : null}
    ${found.needsLogin ? html`<div class="notice bad"><span aria-hidden="true">!</span> <div>${why ?? 'Its connection needs a login.'}</div> ${loggedOut ? html`<div class="push">${reconnection(visit, loggedOut)}</div>` : null}</div>` : null}
    ${open.map((detail) => openRunCard(visit, detail, 'job'))}
    ${open.length === 0 && !latest ? html`<section class="card empty"><p>Nothing is imported yet. ${meaning === 'neutral' ? 'The next tick starts the first import.' : null}</p></section>` : null}
    ${failedRepair ? html`<h2>Failed ${shownKind(failedRepair.kind, failedRepair.scope)}</h2>${endedCard(failedRepair)}` : null}
    ${latest ? html`<h2>Last run</h2>${endedCard(latest)}` : null}
    ${proof ? html`<h2>Last proof</h2>${endedCard(proof)}` : null}
    <dl class="facts card">
      <div><dt>Complete through</dt><dd>${completeThrough(found)}</dd><dd>from ${formatBound(found.startDate).includes('1700') ? 'the first record' : formatBound(found.startDate)}</dd></div>
      <div><dt>Lag</dt><dd>${lagOf(found, scheduleNow)}</dd><dd>${found.every === 'day' ? 'its windows close at midnight UTC' : `its windows close every ${found.every}`}</dd></div>
      ${billed.slice(0, 1).map((latest) => html`<div><dt>Billed by BigQuery in ${monthOf(latest)}</dt><dd>${formatBytes(latest.bytes)}</dd><dd>${[priceOf(latest), ...billed.slice(1).map((before) => `${monthOf(before)}: ${formatBytes(before.bytes)}, ${priceOf(before)}`)].join('; ')}, estimated at the list price</dd></div>`)}
    </dl>
    ${busy.length > 1 ? html`<h2>Trends <span class="sub">the latest ${busy.length} runs, without windows that had no rows</span></h2><section class="card pad">${runCharts(busy)}</section>` : null}
    ${runs.length > 0 ? html`<h2>Runs</h2><section class="card">${runTable(runs, visit.now)}${paging(view)}</section>` : null}
  </div>`;
}

const MONTH = new Intl.DateTimeFormat('en-GB', { timeZone: 'UTC', month: 'long' });

const monthOf = ({ month }: BilledMonth): string => MONTH.format(month);

const priceOf = ({ bytes }: BilledMonth): string => formatDollars(queryDollars(bytes));

/** A page of the list of runs that does not change any more. */
function earlierRuns(visit: Visit, view: JobView): Markup {
  const back = html`<p><a href=${`/console/jobs/${view.found.id}`}>Latest runs</a></p>`;
  if (view.runs.length === 0) return html`<section class="card empty"><p>There are no earlier runs.</p>${back}</section>`;
  return html`<div><h2>Earlier runs</h2><section class="card">${runTable(view.runs, visit.now)}${paging(view)}</section>${back}</div>`;
}

function paging({ found, last }: JobView): Content {
  if (!last) return null;
  const url = `/console/jobs/${found.id}?${new URLSearchParams({ before: last.createdAt, run: last.id })}`;
  return html`<nav class="paging" aria-label="Pages"><span></span><a href=${url}>Earlier runs</a></nav>`;
}

function readPosition(query: URLSearchParams): Position | undefined {
  const createdAt = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})?\+00$/.exec(query.get('before') ?? '')?.[0];
  const id = query.get('run');
  return createdAt && !Number.isNaN(Date.parse(createdAt)) && id && isRunId(id) ? { createdAt, id } : undefined;
}
