import { CALLBACK_PATH } from '../../actions/connections/connect-browser.ts';
import { importDue } from '../../actions/tick.ts';
import type { Quota } from '../../core/connections/quota.ts';
import { queryDollars } from '../../core/jobs/monthly-cost.ts';
import { usualTickIntervalMs } from '../../core/jobs/tick-interval.ts';
import { sum } from '../../core/sum.ts';
import { countConnections, type ListedConnection, listConnections } from '../../store/connections/connection-list.ts';
import { type EndedWindow, type FoundJobs, latestWindows, searchJobs } from '../../store/jobs/job-search.ts';
import { readTotals, type Totals } from '../../store/totals.ts';
import { type Attention, countAttention, readAttention } from '../attention.ts';
import { documentTitle } from '../document-title.ts';
import { count, formatBytes, formatDollars, formatDuration, formatNumber, moment, relative } from '../format.ts';
import { type Content, html, type Markup } from '../html.ts';
import { repeat } from '../live/live.ts';
import { action } from '../parts/action.ts';
import { alerts } from '../parts/alerts.ts';
import { attentionBadge } from '../parts/attention-badge.ts';
import { checklist, type Step } from '../parts/checklist.ts';
import { connectionTable } from '../parts/connection-table.ts';
import { jobTable } from '../parts/job-table.ts';
import { live } from '../parts/live.ts';
import { localLogin } from '../parts/reconnection.ts';
import { SPARK_WINDOWS } from '../parts/spark.ts';
import type { Page, Route, SeeOther, Visit } from '../route.ts';
import { returnAddress } from '../session/return-address.ts';
import { readQuotas } from './connections.ts';

/** The first page: what needs a person, how the whole is doing, and, at first, how to start. */
export const overview: readonly Route[] = [
  { method: 'GET', path: '/', handle: page },
  { method: 'GET', path: '/live', handle: async (visit) => ({ pieces: pieces(visit) }) },
  { method: 'POST', path: '/tick', handle: importNow },
];

const TITLE = 'Overview';

/** How old what the page shows may be, and how often it is renewed, in milliseconds. */
const RENEW_MS = 5_000;

/** The jobs that need attention most, and the first connections; the others are on their own pages. */
const MAX_JOBS = 10;
const MAX_CONNECTIONS = 10;

interface Overview {
  attention: Attention;
  /** the first of them */
  connections: ListedConnection[];
  allConnections: number;
  quotas: Map<string, Quota>;
  totals: Totals;
  found: FoundJobs;
  windows: Map<string, EndedWindow[]>;
  scheduleNow: Date;
}

function read(visit: Visit): Promise<Overview> {
  const { context, shared } = visit;
  const { database } = context;
  return shared.read('overview', RENEW_MS - 500, async () => {
    const [attention, connections, allConnections, totals, found, scheduleNow] = await Promise.all([
      readAttention(visit),
      listConnections(database, { limit: MAX_CONNECTIONS, after: 0 }),
      countConnections(database).then((counts) => sum(Object.values(counts))),
      readTotals(database),
      searchJobs(database, {}, { limit: MAX_JOBS, offset: 0 }),
      context.scheduleNow(),
    ]);
    const ids = found.jobs.map(({ id }) => id);
    const [quotas, windows] = await Promise.all([readQuotas(context, connections), latestWindows(database, ids, SPARK_WINDOWS)]);
    return { attention, connections, allConnections, quotas, totals, found, windows, scheduleNow };
  });
}

async function page(visit: Visit): Promise<Page> {
  const data = await read(visit);
  return {
    title: TITLE,
    heading: heading(visit, data, false),
    body: live(visit, '/live', content(visit, data)),
  };
}

async function* pieces(visit: Visit): AsyncGenerator<Markup> {
  yield* repeat(async () => {
    const current = { ...visit, now: new Date() };
    return { piece: render(current, await read(current)), pauseMs: RENEW_MS };
  }, visit.closed);

  function render(current: Visit, data: Overview): Markup {
    const attention = countAttention(data.attention);
    return html`<div data-title=${documentTitle(TITLE)}>${attentionBadge(attention, true)}${heading(current, data, true)}${content(current, data)}</div>`;
  }
}

/** What is reconciled, and the buttons. @param isUpdate whether it replaces that of the page */
function heading(visit: Visit, data: Overview, isUpdate: boolean): Content {
  const oob = isUpdate ? 'outerMorph' : undefined;
  const button = data.found.jobs.length > 0 ? action(visit, { label: 'Import what is due', path: '/tick' }) : null;
  return [
    html`<span class="sub" id="reconciled" hx-swap-oob=${oob}>${reconciled(data)}</span>`,
    html`<span class="push" id="overview-buttons" hx-swap-oob=${oob}>${button ? [button, html`<a class="button primary" href="/console/jobs/new">New jobs</a>`] : null}</span>`,
  ];
}

/** "All data reconciled through …", or what is missing of that. */
function reconciled({ totals, found }: Overview): Content {
  const { failed = 0, needs_login = 0, deferred = 0, unfinished = 0, paused = 0 } = found.counts;
  const behind = failed + needs_login + deferred + unfinished;
  const { earliest, earliestComplete } = totals;
  const without = paused > 0 ? `; ${count(paused, 'paused job is', 'paused jobs are')} not included` : null;
  if (paused > 0 && paused === sum(Object.values(found.counts))) return paused === 1 ? 'The only job is paused.' : 'All jobs are paused.';
  if (!earliest) return found.jobs.length > 0 ? 'Nothing is imported yet.' : null;
  if (!earliestComplete)
    return html`<span>Everything before <b>${moment(earliest)}</b> is reconciled; ${count(behind, 'job is', 'jobs are')} behind${without}</span>`;
  const through = behind > 0 ? earliestComplete : earliest;
  const text = html`<span>reconciled through <b>${moment(through)}</b></span>`;
  return behind > 0
    ? html`<span>All data ${text} except ${count(behind, 'job')}${without}</span>`
    : html`<span>Everything ${text}${without}</span>`;
}

function content(visit: Visit, data: Overview): Markup {
  const { attention, connections, allConnections, quotas, found, windows, scheduleNow } = data;
  const steps = stepsOf(visit, data);
  const jobs = sum(Object.values(found.counts));
  return html`<div>
    ${alerts(visit, attention)}
    ${steps.slice(0, 4).every(({ done }) => done) ? null : checklist(steps)}
    ${jobs > 0 ? facts(visit, data) : null}
    ${
      jobs > 0
        ? html`<h2>Jobs</h2><section class="card scroll" tabindex="0">
          ${jobTable({ jobs: found.jobs, windows, now: visit.now, scheduleNow })}
          ${jobs > found.jobs.length ? html`<div class="paging"><span>The ${found.jobs.length} that need attention most, of ${formatNumber(jobs)}</span><a href="/console/jobs">All jobs</a></div>` : null}
        </section>`
        : null
    }
    ${
      connections.length > 0
        ? html`<h2>Connections</h2><section class="card scroll" tabindex="0">${connectionTable(visit, connections, quotas)}
          ${allConnections > connections.length ? html`<div class="paging"><span>The first ${connections.length} of ${formatNumber(allConnections)}</span><a href="/console/connections">All connections</a></div>` : null}
        </section>`
        : null
    }
  </div>`;
}

function facts(visit: Visit, { attention, totals, found, scheduleNow }: Overview): Markup {
  const lag = totals.earliest ? formatDuration(Math.max(0, scheduleNow.getTime() - totals.earliest.getTime())) : '–';
  const others = totals.runs - totals.exact;
  const verdict =
    totals.runs === 0
      ? 'no run'
      : others === 0
        ? `${count(totals.runs, 'run')}, all exact`
        : `${count(totals.runs, 'run')}, ${totals.exact} exact`;
  const active = Object.entries(found.counts).reduce((sum, [state, jobs]) => sum + (state === 'paused' ? 0 : jobs), 0);
  return html`<dl class="facts card">
    ${fact('Rows synced, 24 h', formatNumber(totals.rows), verdict)}
    ${fact('Lag, worst job', lag, count(active, 'active job'))}
    ${fact('API calls, 24 h', formatNumber(totals.calls), count(totals.orgs, 'org'))}
    ${fact('BigQuery, this month', formatDollars(queryDollars(totals.bytesBilled)), `${formatBytes(totals.bytesBilled)} billed`)}
    ${tickFact(visit, attention)}
  </dl>`;
}

function fact(name: string, value: Content, more: Content): Markup {
  return html`<div><dt>${name}</dt><dd>${value}</dd><dd>${more}</dd></div>`;
}

/** When the schedule called last, what called, and how often it usually does. */
function tickFact({ now }: Visit, { ticks }: Attention): Markup {
  const [latest] = ticks.recent;
  if (!latest) return fact('Last tick', 'never', 'handle_importing_job was not called yet');
  const usual = usualTickIntervalMs(ticks.recent);
  const by = ticks.latestBy ? `by ${ticks.latestBy}` : '';
  return fact('Last tick', relative(latest, now), [by, usual ? `usually every ${formatDuration(usual)}` : ''].filter(Boolean).join(', '));
}

/** The ticks of a process that calls itself: npm start. */
const OWN_SCHEDULE = 'this process';

function stepsOf(visit: Visit, { attention, connections, totals, found }: Overview): Step[] {
  const { context, can } = visit;
  const { ticks } = attention;
  const jobs = Object.keys(found.counts).length > 0;
  return [
    {
      title: 'Connect an org',
      text: html`<span>You log in at Salesforce and choose Allow. The service reads what your user may see, and changes none of it.${callbackHint(visit)}</span>`,
      done: connections.length > 0,
      action: connectButtons(visit),
    },
    {
      title: 'Choose objects',
      text: 'Each object gets a job, which copies it into a table of its own. Before it is created, you see what it reads and what it costs.',
      done: jobs,
      action: html`<a class="button primary" href="/console/jobs/new">Choose objects</a>`,
    },
    {
      title: 'First import',
      text: 'Everything since each start date is read, counted at every stage, and written to BigQuery.',
      done: totals.earliest !== null,
      action: action(visit, { label: 'Import now', path: '/tick', look: 'primary' }),
    },
    {
      title: 'Schedule',
      text: html`<span>Something has to call <code>handle_importing_job</code> regularly. Seen so far: ${ticks.recent.length > 1 ? 'a schedule' : count(ticks.recent.length, 'call')}.</span>`,
      done: ticks.recent.length > 1 || ticks.latestBy === OWN_SCHEDULE,
    },
    {
      title: 'Alerts',
      text: html`<span>Set <code>ALERT_WEBHOOK_URL</code>, and a failure comes to you, for example in Slack.</span>`,
      done: context.webhook !== undefined,
    },
  ].map((step) => (can.operate ? step : { ...step, action: undefined }));
}

function connectButtons(visit: Visit): Content {
  const { config } = visit.context;
  return config.salesforce.apps.map(({ loginUrl }) => {
    const label = `Connect ${new URL(loginUrl).host}`;
    return config.http.keyless
      ? html`<a class="button primary" href=${localLogin(loginUrl)}>${label}</a>`
      : action(visit, { label, path: '/connect', fields: { login_url: loginUrl }, look: 'primary' });
  });
}

function callbackHint({ context, origin }: Visit): Content {
  return context.config.http.keyless
    ? html`<span> The External Client App in that org needs the callback URL <code>${origin()}${CALLBACK_PATH}</code>.</span>`
    : null;
}

async function importNow({ context, caller, form }: Visit): Promise<SeeOther> {
  const { runIds } = await importDue(context, caller.name);
  const text =
    runIds.length > 0 ? `${count(runIds.length, 'import')} started.` : 'Nothing is due: every job is complete, running, waiting or paused.';
  return { location: returnAddress(form.get('back')), notice: { kind: 'good', text } };
}
