import { createHash } from 'node:crypto';
import type { Context } from '../../context.ts';
import type { JobState } from '../../core/jobs/job-state.ts';
import { isRunId } from '../../core/runs/run-id.ts';
import { sum } from '../../core/sum.ts';
import { AppError } from '../../errors.ts';
import { listConnectionNames, type NamedConnection } from '../../store/connections/connection-list.ts';
import { type FoundJobs, findJobIds, type JobSearch, latestWindows, searchJobs } from '../../store/jobs/job-search.ts';
import { actOnEach } from '../act-on-jobs.ts';
import { BULK_ACTIONS, type BulkAction, summarize } from '../bulk-actions.ts';
import { documentTitle, jobsDocumentTitle } from '../document-title.ts';
import { count, formatNumber } from '../format.ts';
import { type Content, html, type Markup } from '../html.ts';
import { repeat } from '../live/live.ts';
import { hiddenFields } from '../parts/action.ts';
import { connectionOptions } from '../parts/connection-options.ts';
import { option } from '../parts/job-form-fields.ts';
import { jobTable, renewedCells } from '../parts/job-table.ts';
import { live } from '../parts/live.ts';
import { SPARK_WINDOWS } from '../parts/spark.ts';
import type { Page, Route, SeeOther, Visit } from '../route.ts';
import { returnAddress } from '../session/return-address.ts';

/** All jobs, found by their state, connection, dataset and object, and what can be done with several at once. */
export const jobs: readonly Route[] = [
  { method: 'GET', path: '/jobs', handle: page },
  { method: 'GET', path: '/jobs/live', handle: async (visit) => ({ pieces: pieces(visit) }) },
  { method: 'POST', path: '/jobs', handle: actOnJobs },
];

const TITLE = 'Jobs';

const PAGE_SIZE = 50;

/** How long one click may act, below a load balancer's timeout of one minute; another one continues. */
const MAX_ACTING_MS = 45_000;

const STATES: readonly { state: JobState; name: string }[] = [
  { state: 'failed', name: 'Failed' },
  { state: 'needs_login', name: 'Needs login' },
  { state: 'deferred', name: 'Deferred' },
  { state: 'unfinished', name: 'In progress' },
  { state: 'complete', name: 'Complete' },
  { state: 'paused', name: 'Paused' },
];

/** The search that an address or a form contains. */
function readSearch(fields: URLSearchParams): JobSearch {
  const state = STATES.find((known) => known.state === fields.get('state'))?.state;
  const connection = /^[1-9]\d{0,14}$/.exec(fields.get('connection') ?? '')?.[0];
  return {
    state,
    connectionId: connection === undefined ? undefined : Number(connection),
    dataset: fields.get('dataset') || undefined,
    object: fields.get('object')?.trim() || undefined,
    repairFailed: fields.get('repair') === 'failed' || undefined,
  };
}

/** The address of a search. */
function jobsUrl({ state, connectionId, dataset, object, repairFailed }: JobSearch, pageNumber = 1): string {
  const fields = {
    state,
    connection: connectionId?.toString(),
    dataset,
    object,
    repair: repairFailed && 'failed',
    page: pageNumber > 1 ? String(pageNumber) : undefined,
  };
  const query = new URLSearchParams(Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
  return `/console/jobs${query.size > 0 ? `?${query}` : ''}`;
}

/** A search as the query of its address. */
function searchText(search: JobSearch): string {
  return jobsUrl(search).slice('/console/jobs'.length);
}

function readPageNumber(query: URLSearchParams): number {
  return Math.max(1, Number(/^\d{1,6}$/.exec(query.get('page') ?? '')?.[0] ?? 1));
}

interface JobList {
  /** with the jobs of one page */
  found: FoundJobs;
  scheduleNow: Date;
}

/** Shared with the live parts. */
function read({ context, shared }: Visit, search: JobSearch, pageNumber: number): Promise<JobList> {
  const part = { limit: PAGE_SIZE, offset: (pageNumber - 1) * PAGE_SIZE };
  return shared.read(jobsUrl(search, pageNumber), RENEW_MS - 500, async () => {
    const [found, scheduleNow] = await Promise.all([searchJobs(context.database, search, part), context.scheduleNow()]);
    return { found, scheduleNow };
  });
}

async function page(visit: Visit): Promise<Page> {
  const { context, query, now, can } = visit;
  const search = readSearch(query);
  const pageNumber = readPageNumber(query);
  const [{ found, scheduleNow }, connections] = await Promise.all([read(visit, search, pageNumber), listConnectionNames(context.database)]);
  const ids = found.jobs.map(({ id }) => id);
  const windows = await latestWindows(context.database, ids, SPARK_WINDOWS);
  const all = sum(Object.values(found.counts));
  const matching = search.state ? (found.counts[search.state] ?? 0) : all;
  const selected = readSelection(query);
  const select = can.operate
    ? {
        all: html`<input type="checkbox" data-select-all="job" aria-label="Select all jobs of this page" />`,
        one: ({ id, objectName }: { id: string; objectName: string }) =>
          html`<input type="checkbox" name="job" value=${id} checked=${selected.includes(id)} aria-label=${`Select ${objectName}`} />`,
      }
    : undefined;
  const pages = Math.ceil(matching / PAGE_SIZE);
  const table = jobTable({ jobs: found.jobs, windows, now, scheduleNow, ...(select && { select }) });
  const list = html`<section class="card">
    ${can.operate && pageNumber <= pages ? toolbar(visit, matching) : null}
    ${pageNumber > pages ? pastTheEnd(search, pages) : html`<div class="scroll" tabindex="0">${table}</div>`}
    ${paging(search, pageNumber, matching)}
  </section>`;
  const isSearch = Object.values(search).some((value) => value !== undefined);
  return {
    title: TITLE,
    tab: jobsDocumentTitle(TITLE, found.counts),
    heading: [
      foundCount(search, found.counts, false),
      can.operate ? html`<span class="push"><a class="button primary" href="/console/jobs/new">New jobs</a></span>` : null,
    ],
    body: html`<div>
      ${continueForm(visit, search)}
      ${live(visit, livePath(search, pageNumber, found), stateFilter(search, found.counts))}
      ${filterForm(search, connections, context)}
      ${matching === 0 ? nothing(isSearch) : can.operate ? html`<form method="post" action="/console/jobs">${hiddenFields(visit)}${list}</form>` : list}
    </div>`,
  };
}

/** How often the counts and what the rows say are renewed, in milliseconds: not which rows there are, which may be selected. */
const RENEW_MS = 5_000;

function livePath(search: JobSearch, pageNumber: number, found: FoundJobs): string {
  return withFields(`/jobs/live${jobsUrl(search, pageNumber).slice('/console/jobs'.length)}`, { shown: fingerprint(found) });
}

/** Which jobs a page shows, in any order. */
function fingerprint({ jobs: shown }: FoundJobs): string {
  const ids = shown.map(({ id }) => id).sort();
  return createHash('sha256').update(ids.join()).digest('base64url').slice(0, 12);
}

async function* pieces(visit: Visit): AsyncGenerator<Markup> {
  const { query, closed } = visit;
  const search = readSearch(query);
  const pageNumber = readPageNumber(query);
  yield* repeat(async () => {
    const { found, scheduleNow } = await read(visit, search, pageNumber);
    const isOther = query.has('shown') && query.get('shown') !== fingerprint(found);
    const piece = html`<div>
      ${foundCount(search, found.counts, true)}${renewedCells({ jobs: found.jobs, now: new Date(), scheduleNow })}
      ${stateFilter(search, found.counts)}
      ${isOther ? html`<p class="notice" role="status">The list has changed. <a href="">Reload the page</a></p>` : null}
    </div>`;
    return { piece, pauseMs: RENEW_MS };
  }, closed);
}

/** How many jobs there are. @param isUpdate whether it replaces that of the page */
function foundCount(search: JobSearch, counts: FoundJobs['counts'], isUpdate: boolean): Markup {
  const { state, ...others } = search;
  const isSearch = !state && Object.values(others).some((value) => value !== undefined);
  return html`<span class="sub" id="jobs-found" hx-swap-oob=${isUpdate ? 'outerMorph' : undefined}>${count(sum(Object.values(counts)), 'job')}${isSearch ? ' found' : ''}</span>`;
}

function stateFilter(search: JobSearch, counts: FoundJobs['counts']): Markup {
  const all = sum(Object.values(counts));
  const chip = (name: string, state: JobState | undefined, jobsInState: number): Markup => {
    const url = jobsUrl({ ...search, state });
    return html`<a href=${url} aria-current=${search.state === state ? 'true' : undefined}>${name} ${formatNumber(jobsInState)}</a>`;
  };
  const shown = STATES.filter(({ state }) => counts[state] || state === search.state);
  return html`<nav class="chips" aria-label="State" data-title=${documentTitle(jobsDocumentTitle(TITLE, counts))}>${chip('All', undefined, all)}${shown.map(({ state, name }) => chip(name, state, counts[state] ?? 0))}</nav>`;
}

function filterForm(
  { state, connectionId, dataset, object, repairFailed }: JobSearch,
  connections: readonly NamedConnection[],
  context: Context,
): Markup {
  const { datasets } = context.config.bigquery;
  return html`<form class="filters" method="get" action="/console/jobs" role="search">
    ${state ? html`<input type="hidden" name="state" value=${state} />` : null}
    <label>Object <input type="search" name="object" value=${object ?? ''} maxlength="80" placeholder="Any" /></label>
    ${
      connections.length > 1
        ? html`<label>Connection <select name="connection">${option('', 'Any', !connectionId)}${connectionOptions(connections, connectionId)}</select></label>`
        : null
    }
    ${datasets.length > 1 ? html`<label>Dataset <select name="dataset">${option('', 'Any', !dataset)}${datasets.map((name) => option(name, name, name === dataset))}</select></label>` : null}
    <label>Repair <select name="repair">${option('', 'Any', !repairFailed)}${option('failed', 'Failed', repairFailed === true)}</select></label>
    <button class="button">Filter</button>
    ${object || connectionId || dataset || repairFailed ? html`<a class="button" href=${jobsUrl({ state })}>Clear</a>` : null}
  </form>`;
}

function nothing(isSearch: boolean): Markup {
  return isSearch
    ? html`<section class="card empty"><p>No job matches.</p><p><a href="/console/jobs">Show all jobs</a></p></section>`
    : html`<section class="card empty"><p>There are no jobs yet. Each job replicates one object into one table.</p><p><a href="/console">How to start</a></p></section>`;
}

/** Instead of a page that does not exist, for example because jobs were deleted since. */
function pastTheEnd(search: JobSearch, pages: number): Markup {
  const [only, link] =
    pages === 1 ? ['There is only one page.', 'Show it'] : [`There are only ${formatNumber(pages)} pages.`, 'Show the last one'];
  return html`<div class="empty"><p>${only}</p><p><a href=${jobsUrl(search, pages)}>${link}</a></p></div>`;
}

function paging(search: JobSearch, pageNumber: number, matching: number): Content {
  const pages = Math.ceil(matching / PAGE_SIZE);
  if (pages <= 1 || pageNumber > pages) return null;
  const first = (pageNumber - 1) * PAGE_SIZE + 1;
  const link = (to: number, name: string): Content => (to >= 1 && to <= pages ? html`<a href=${jobsUrl(search, to)}>${name}</a>` : null);
  return html`<nav class="paging" aria-label="Pages">
    <span>${formatNumber(first)} to ${formatNumber(Math.min(first + PAGE_SIZE - 1, matching))} of ${formatNumber(matching)}</span>
    <span class="push">${link(pageNumber - 1, 'Previous')}${link(pageNumber + 1, 'Next')}</span>
  </nav>`;
}

function toolbar({ query }: Visit, matching: number): Markup {
  const search = readSearch(query);
  return html`<div class="toolbar">
    ${HARMLESS_DEFAULT}
    <input type="hidden" name="search" value=${searchText(search)} />
    <label class="check"><input type="checkbox" name="all" value="yes" /> ${matching === 1 ? 'The job that matches' : `All ${formatNumber(matching)} that match`}</label>
    <span class="push">
      ${BULK_ACTIONS.map(({ name, label }) => html`<button class="button" name="action" value=${name}>${label}</button>`)}
    </span>
  </div>`;
}

/** Enter in a checkbox presses the first button of the form that is not disabled. */
const HARMLESS_DEFAULT = html`<button class="hidden" name="action" value="none" tabindex="-1" aria-hidden="true">Nothing</button>`;

/**
 * Does one thing with each of the selected jobs, and says with how many, and why not with the others. Stops when the browser leaves, or when
 * its time is over: then the page has a button that continues with the jobs that were not reached.
 */
async function actOnJobs({ context, caller, form, closed }: Visit): Promise<SeeOther> {
  const action = BULK_ACTIONS.find(({ name }) => name === form.get('action'));
  if (!action)
    return { location: keepSelection(form), notice: { kind: 'bad', text: 'Nothing has changed. Choose what to do with the jobs.' } };
  const search = readSearch(new URLSearchParams(form.get('search') ?? ''));
  const isAll = form.get('all') === 'yes';
  const ids = isAll ? await findJobIds(context.database, search, readId(form.get('after'))) : readSelection(form);
  if (ids.length === 0) throw new AppError('invalid_request', 'No job is selected. Select some, or all that match.');
  const until = performance.now() + MAX_ACTING_MS;
  const isOver = (): boolean => closed.aborted || performance.now() > until;
  const outcome = await actOnEach(ids, (id) => action.act(context, id, caller.name), isOver);
  const isWhole = outcome.refusals.length === 0 && outcome.left === 0;
  const left = ids.slice(ids.length - outcome.left);
  const continuation = isAll ? continueAll(search, action, outcome.last) : continueSelected(form, action, left);
  return {
    location: outcome.left > 0 ? continuation : keepSelection(form, []),
    notice: { kind: isWhole ? 'good' : 'bad', text: summarize(action, outcome) },
  };
}

/** The page that a form came from, with these jobs selected. */
function keepSelection(form: URLSearchParams, ids: readonly string[] = readSelection(form)): string {
  const [path, query] = returnAddress(form.get('back')).split('?');
  const fields = new URLSearchParams(query);
  for (const name of ['job', ...CONTINUATION]) fields.delete(name);
  for (const id of ids) fields.append('job', id);
  return fields.size > 0 ? `${path}?${fields}` : path!;
}

/** What an address contains besides its search while an action has jobs left. */
const CONTINUATION = ['continue', 'after'];

/** The page of a search with a button that continues an action. @param last the last job that it reached */
function continueAll(search: JobSearch, { name }: BulkAction, last = ''): string {
  return withFields(jobsUrl(search), { continue: name, after: last });
}

/** The page that a form came from, with a button that continues an action with those of its jobs that are left, and no others. */
function continueSelected(form: URLSearchParams, { name }: BulkAction, left: readonly string[]): string {
  return withFields(keepSelection(form, left), { continue: name });
}

function withFields(url: string, fields: Readonly<Record<string, string>>): string {
  return `${url}${url.includes('?') ? '&' : '?'}${new URLSearchParams(fields)}`;
}

/** The button that continues an action whose time was over; nothing if the address names none. */
function continueForm(visit: Visit, search: JobSearch): Content {
  const { query, can } = visit;
  const action = BULK_ACTIONS.find(({ name }) => name === query.get('continue'));
  const after = readId(query.get('after'));
  const selected = readSelection(query);
  if (!action || !can.operate || (!after && selected.length === 0)) return null;
  const [which, text, label] = after
    ? [{ all: 'yes', after }, 'Not all jobs that match were reached.', `${action.label} the others`]
    : [{}, 'Not all selected jobs were reached.', `${action.label} the ${count(selected.length, 'job')} left`];
  const fields = { search: searchText(search), action: action.name, back: jobsUrl(search), ...which };
  const jobs = after ? [] : selected.map((id) => html`<input type="hidden" name="job" value=${id} />`);
  return html`<section class="card"><div class="verdict"><span class="grow">${text}</span>
    <form class="inline" method="post" action="/console/jobs">${hiddenFields(visit, fields)}${jobs}<button class="button primary">${label}</button></form></div></section>`;
}

/** The jobs that a form or an address selects, each once. */
function readSelection(fields: URLSearchParams): string[] {
  return [...new Set(fields.getAll('job').filter(isRunId))];
}

function readId(text: string | null): string | undefined {
  return text && isRunId(text) ? text : undefined;
}
