import { acceptRun } from '../../actions/runs/accept-run.ts';
import { cancelRun } from '../../actions/runs/cancel-run.ts';
import { type DetailedPage, type DetailedRun, detailRun } from '../../actions/runs/detail-run.ts';
import { retryRun } from '../../actions/runs/retry-run.ts';
import type { Context } from '../../context.ts';
import { inPipelineOrder } from '../../core/runs/receipt.ts';
import { listRunEvents, type StoredEvent } from '../../store/runs/run-events.ts';
import { readConnectionOf } from '../attention.ts';
import { documentTitle, runDocumentTitle } from '../document-title.ts';
import { formatBytes, formatNumber, moment } from '../format.ts';
import { type Content, html, type Markup } from '../html.ts';
import { onChange, repeat } from '../live/live.ts';
import { LOOK_MS, readChanging } from '../live/read-changing.ts';
import { live } from '../parts/live.ts';
import { pill } from '../parts/pill.ts';
import { endedRunCard, openRunCard } from '../parts/run-card.ts';
import type { Page, Route, SeeOther, Visit } from '../route.ts';
import { runStatus, runTitle } from '../run-status.ts';
import { requireId } from './job.ts';

/** A run: its counts, what it did in Salesforce and BigQuery, and its events. */
export const run: readonly Route[] = [
  { method: 'GET', path: '/runs/:id', handle: page },
  { method: 'GET', path: '/runs/:id/live', handle: async (visit) => ({ pieces: pieces(visit) }) },
  act('cancel', cancelRun, 'is cancelled.'),
  act('retry', retryRun, 'is due now.'),
  act('accept', acceptRun, 'is queued, and may pass the verdict that you accepted.'),
];

/** An action of a run's page. It leads to the run that it concerns, which may be another one. */
function act(name: string, perform: (context: Context, runId: string, by: string) => Promise<DetailedRunOfJob>, result: string): Route {
  return {
    method: 'POST',
    path: `/runs/:id/${name}`,
    async handle({ context, params, caller, form }): Promise<SeeOther> {
      const { objectName, run: concerned } = await perform(context, requireId(params.id), caller.name);
      const text = `${objectName}: ${runTitle(concerned)} ${result}`;
      const isOnRunPage = form.get('back')?.startsWith('/console/runs/');
      const location = isOnRunPage ? `/console/runs/${concerned.id}` : `/console/jobs/${(await detailRun(context, concerned.id)).id}`;
      return { location, notice: { kind: 'good', text } };
    },
  };
}

type DetailedRunOfJob = Pick<DetailedRun, 'id' | 'objectName' | 'run'>;

interface RunView {
  detail: DetailedRun;
  events: StoredEvent[];
  /** of the org; undefined: the job is deleted */
  instanceUrl: string | undefined;
}

async function read(visit: Visit): Promise<RunView> {
  const { context, params } = visit;
  const id = requireId(params.id);
  const [detail, events] = await Promise.all([detailRun(context, id), listRunEvents(context.database, id)]);
  return { detail, events, instanceUrl: (await readConnectionOf(visit, detail))?.instanceUrl };
}

/** Shared with the live parts. */
function readCurrent(visit: Visit): Promise<RunView> {
  return readChanging(visit, 'run', requireId(visit.params.id), () => read(visit));
}

async function page(visit: Visit): Promise<Page> {
  const view = await readCurrent(visit);
  const { detail } = view;
  const { finishedAt } = detail.run;
  const body = content(visit, view);
  return {
    title: titleOf(detail),
    tab: runDocumentTitle(titleOf(detail), detail, visit.now),
    heading: [
      statePill(visit, detail, false),
      html`<span class="sub"><a href=${`/console/jobs/${detail.id}`}>${detail.objectName}</a> → <span class="mono">${detail.targetDataset}.${detail.targetTable}</span></span>`,
    ],
    body: html`<div>${finishedAt ? body : live(visit, `/runs/${detail.run.id}/live`, body)}${diagnostics(view, visit.now)}</div>`,
  };
}

function titleOf({ objectName, run: shown }: DetailedRun): string {
  return `${objectName}: ${runTitle(shown)}`;
}

async function* pieces(visit: Visit): AsyncGenerator<Markup> {
  const render = onChange((view: RunView) => {
    const current = { ...visit, now: new Date() };
    const tab = documentTitle(runDocumentTitle(titleOf(view.detail), view.detail, current.now));
    return html`<div data-title=${tab}>${statePill(current, view.detail, true)}${content(current, view)}</div>`;
  });
  yield* repeat(async () => ({ piece: render(await readCurrent(visit)), pauseMs: LOOK_MS }), visit.closed);
}

function statePill({ now }: Visit, { run: shown }: DetailedRun, isUpdate: boolean): Markup {
  const { meaning, label } = runStatus(shown, now);
  return html`<span id="run-state" hx-swap-oob=${isUpdate ? 'true' : undefined}>${pill(meaning, label)}</span>`;
}

function content(visit: Visit, view: RunView): Markup {
  const { detail, events } = view;
  const { run: shown, slices, statements } = detail;
  return html`<div>
    ${shown.finishedAt ? endedRunCard(visit, detail, 'run', detail.stages) : openRunCard(visit, detail, 'run')}
    ${shown.actions.length > 0 ? html`<h2>What operators did</h2><section class="card"><table><tbody>${shown.actions.map(({ action: done, by, at }) => html`<tr><td>${ACTIONS[done]} by ${by}</td><td class="num">${moment(new Date(at))}</td></tr>`)}</tbody></table></section>` : null}
    ${slices.length > 0 ? html`<h2>Slices and pages</h2><section class="card scroll" tabindex="0">${sliceTable(visit.context, view)}</section>` : null}
    ${statements.length > 0 ? html`<h2>Statements in BigQuery</h2><section class="card scroll" tabindex="0"><table><thead><tr><th>Job</th><th class="num">Billed</th></tr></thead><tbody>${statements.map(({ id, bytesBilled }) => html`<tr><td>${bigqueryJob(visit.context, id)}</td><td class="num">${bytesBilled === null ? 'may still run' : formatBytes(bytesBilled)}</td></tr>`)}</tbody></table></section>` : null}
    ${events.length > 0 ? html`<h2>Events</h2><section class="card scroll" tabindex="0">${eventTable(events)}</section>` : null}
  </div>`;
}

const ACTIONS = { cancel: 'Cancelled', retry: 'Retried', accept: 'Accepted' };

/** The first load jobs of a slice; the others can be opened. */
const SHOWN_LOAD_JOBS = 3;

function sliceTable(context: Context, { detail, instanceUrl }: RunView): Markup {
  const loadJob = (id: string): Markup => html`<span class="why">${bigqueryJob(context, id)}</span>`;
  const counted = (rows: number | null): string => (rows === null ? '–' : formatNumber(rows));
  return html`<table>
    <thead><tr><th>Slice</th><th>Read by</th><th class="num">Salesforce</th><th class="num">Pages</th><th class="num">Loaded</th><th class="num">Staged</th><th class="wide">Load jobs</th></tr></thead>
    <tbody>${detail.slices.map((slice) => {
      const loaded = slice.pages.map((page) => page.loaded ?? 0).reduce((sum, rows) => sum + rows, 0);
      const jobs = (slice.pages as readonly DetailedPage[]).flatMap((page) => page.loadJobId ?? []);
      return html`<tr>
        <td>${slice.ordinal + 1}${slice.fieldGroup > 0 ? html`<span class="why">field group ${slice.fieldGroup + 1}</span>` : null}${slice.generation > 1 ? html`<span class="why">requested ${slice.generation} times</span>` : null}</td>
        <td>${slice.method === 'bulk' ? 'Bulk API' : slice.method === 'rest' ? 'REST' : '–'}${slice.reason ? html`<span class="why">${slice.reason}</span>` : null}${slice.bulkJobId ? html`<span class="why">${bulkJob(instanceUrl, slice.bulkJobId)}</span>` : null}</td>
        <td class="num">${counted(slice.processed ?? slice.countBefore)}</td>
        <td class="num">${formatNumber(slice.pages.length)}</td>
        <td class="num">${formatNumber(loaded)}</td>
        <td class="num">${counted(slice.staged)}</td>
        <td class="wide">${jobs.slice(0, SHOWN_LOAD_JOBS).map(loadJob)}${jobs.length > SHOWN_LOAD_JOBS ? html`<details class="why"><summary>and ${jobs.length - SHOWN_LOAD_JOBS} more</summary>${jobs.slice(SHOWN_LOAD_JOBS).map(loadJob)}</details>` : null}</td>
      </tr>`;
    })}</tbody>
  </table>`;
}

/** The page of Setup that lists Bulk jobs. */
function bulkJob(instanceUrl: string | undefined, id: string): Content {
  const name = html`<code>${id}</code>`;
  return instanceUrl ? html`<a href=${`${instanceUrl}/lightning/setup/AsyncApiJobStatus/home`} rel="noreferrer">${name}</a>` : name;
}

/** A job in BigQuery, with a link to Google's console unless BigQuery is an emulator. */
function bigqueryJob({ config }: Context, id: string): Content {
  const { endpoint, project, location } = config.bigquery;
  const name = html`<code>${id}</code>`;
  if (endpoint !== undefined) return name;
  const query = new URLSearchParams({ project, j: `bq:${location}:${id}`, page: 'queryresults' });
  return html`<a href=${`https://console.cloud.google.com/bigquery?${query}`} rel="noreferrer">${name}</a>`;
}

function eventTable(events: readonly StoredEvent[]): Markup {
  return html`<table>
    <thead><tr><th>Time (UTC)</th><th>Event</th><th class="wide">Details</th></tr></thead>
    <tbody>${events.map(({ at, level, event, details }) => {
      const meaning = level === 'error' || level === 'fatal' ? 'bad' : level === 'warn' ? 'warn' : undefined;
      return html`<tr>
        <td class="nowrap">${moment(at, at.toISOString().slice(11, 23))}</td>
        <td>${meaning ? pill(meaning, event) : event}</td>
        <td class="wide mono">${summarize(details)}</td>
      </tr>`;
    })}</tbody>
  </table>`;
}

/** What every line of a run has says nothing here. */
const COMMON = ['run', 'job', 'object', 'window', 'receipt'];

const MAX_SUMMARY = 240;

function summarize(details: Readonly<Record<string, unknown>>): string {
  const own = Object.entries(details).filter(([name, value]) => !COMMON.includes(name) && value != null);
  const text = own.map(([name, value]) => `${name}=${typeof value === 'object' ? JSON.stringify(value) : value}`).join(' ');
  return text.length > MAX_SUMMARY ? `${text.slice(0, MAX_SUMMARY)}…` : text;
}

/** What to send with a question. Not live: it has every page and event of the run. */
function diagnostics(view: RunView, now: Date): Markup {
  const isOpen = view.detail.run.finishedAt === null;
  return html`<div>
    <h2>Diagnostics</h2>
    <section class="card">
      <div class="verdict first"><span class="grow">Counts, ids and events of this run, without any value of a record${isOpen ? html`, as of ${moment(now, now.toISOString().slice(11, 19))}. Reload for later ones` : null}.</span><button class="button" type="button" data-copy="diagnostics">Copy diagnostics</button></div>
      <details class="pad"><summary>Show</summary><pre id="diagnostics" class="mono">${diagnosticText(view)}</pre></details>
    </section>
  </div>` as Markup;
}

function diagnosticText({ detail, events }: RunView): string {
  const { run: shown, stages, slices, statements, objectName, targetDataset, targetTable } = detail;
  const { receipt, ...facts } = shown;
  const table = `${targetDataset}.${targetTable}`;
  return JSON.stringify(
    { object: objectName, table, ...facts, receipt: receipt && inPipelineOrder(receipt), stages, slices, statements, events },
    null,
    2,
  );
}
