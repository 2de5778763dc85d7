import { type InvalidValue, listInvalidValues } from '../../bigquery/list-invalid-values.ts';
import { sum } from '../../core/sum.ts';
import { AppError, isAppError } from '../../errors.ts';
import { listRunsWithInvalidValues } from '../../store/busy-runs.ts';
import type { JobWithRun, ListedJob } from '../../store/jobs/job-list.ts';
import { invalidValuesTable } from '../../sync/names.ts';
import { readConnectionOf } from '../attention.ts';
import { count, formatBound, formatNumber, moment } from '../format.ts';
import { type Content, html, type Markup } from '../html.ts';
import { hiddenFields } from '../parts/action.ts';
import { jobTabs } from '../parts/job-tabs.ts';
import type { Page, Route, Visit } from '../route.ts';
import { runTitle } from '../run-status.ts';
import { heading, requireListedJob } from './job.ts';
import { shorten } from './job-data.ts';

/** The values of a job that their columns could not store: counts from its receipts, and, by field, the texts that BigQuery keeps. */
export const jobInvalidValues: readonly Route[] = [
  { method: 'GET', path: '/jobs/:id/invalid-values', handle: page },
  // Not a GET: what BigQuery bills must not follow a link of another site, nor a reload that was not confirmed.
  { method: 'POST', path: '/jobs/:id/invalid-values', requires: 'rows', handle: valuesPage },
];

/** How many runs with invalid values are shown. */
const MAX_RUNS = 100;

const MAX_VALUES = 100;

/** How long the query may take, below a load balancer's timeout of one minute. */
const MAX_QUERY_MS = 45_000;

type Run = JobWithRun['run'];

async function page(visit: Visit): Promise<Page> {
  const found = await requireListedJob(visit);
  const runs = await listRunsWithInvalidValues(visit.context.database, found.id, MAX_RUNS);
  return await framed(visit, found, runs.length > 0 ? counts(visit, found, runs) : none(`No value of ${found.objectName} was invalid.`));
}

async function framed(visit: Visit, found: ListedJob, body: Content): Promise<Page> {
  return {
    title: found.objectName,
    heading: heading(visit, found, await readConnectionOf(visit, found)),
    body: html`<div>${jobTabs(found, 'invalid-values', visit)}${body}</div>`,
  };
}

function none(why: string): Markup {
  return html`<section class="card empty"><p>${why}</p></section>`;
}

function counts(visit: Visit, found: ListedJob, runs: readonly Run[]): Markup {
  const texts = visit.can.rows ? '' : ' A key of role data or admin sees them.';
  return html`<div>
    <p class="sub">The column is NULL, or a rounded number, where it cannot store what Salesforce returned. The text is kept for 30 days in <span class="mono">${found.targetDataset}._invalid_values</span>.${texts}</p>
    <h2>By field <span class="sub">${runs.length < MAX_RUNS ? 'in all runs that are kept' : `in the latest ${MAX_RUNS} runs with invalid values`}</span></h2>
    <section class="card scroll" tabindex="0">${fieldTable(visit, found, runs)}</section>
    <h2>By day and run</h2>
    <section class="card scroll" tabindex="0">${runTable(runs)}</section>
  </div>`;
}

const valuesOf = ({ receipt }: Run): [string, number][] => Object.entries(receipt?.invalid_values ?? {});

/** The fields with the most invalid values first. */
function fieldTable(visit: Visit, { id }: ListedJob, runs: readonly Run[]): Markup {
  const { can } = visit;
  const found = runs.flatMap((run) => valuesOf(run).map(([column, values]) => ({ column, values, run })));
  const fields = [...Map.groupBy(found, ({ column }) => column)]
    .map(([column, of]) => ({ column, values: sum(of.map(({ values }) => values)), runs: of.length, latest: of[0]!.run }))
    .sort((one, other) => other.values - one.values);
  return html`<table>
    <thead><tr><th>Column</th><th class="num">Values</th><th class="num">Runs</th><th class="wide">Latest in</th>${can.rows ? html`<th><span class="hidden">Values</span></th>` : null}</tr></thead>
    <tbody>${fields.map(
      ({ column, values, runs: of, latest }) => html`<tr>
        <td class="mono">${column}</td>
        <td class="num">${formatNumber(values)}</td>
        <td class="num">${formatNumber(of)}</td>
        <td class="wide">${runLink(latest)}</td>
        ${can.rows ? html`<td class="num"><form class="inline" method="post" action=${`/console/jobs/${id}/invalid-values`}>${hiddenFields(visit, { column })}<button class="link" aria-label=${`Show values of ${column}`}>Show values</button></form></td>` : null}
      </tr>`,
    )}</tbody>
  </table>`;
}

function runTable(runs: readonly Run[]): Markup {
  const dayOf = ({ finishedAt }: Run): string => formatBound(new Date(finishedAt!.toISOString().slice(0, 10)));
  const days = [...Map.groupBy(runs, dayOf)];
  return html`<table>
    <thead><tr><th>Day (UTC)</th><th>Run</th><th class="wide">Columns</th><th class="num">Values</th></tr></thead>
    <tbody>${days.flatMap(([day, of]) =>
      of.map(
        (run, index) => html`<tr>
          <td class="nowrap">${index === 0 ? day : html`<span class="hidden">${day}</span>`}</td>
          <td>${runLink(run)}</td>
          <td class="wide mono">${valuesOf(run)
            .map(([column, values]) => `${column} ${formatNumber(values)}`)
            .join(', ')}</td>
          <td class="num">${formatNumber(sum(valuesOf(run).map(([, values]) => values)))}</td>
        </tr>`,
      ),
    )}</tbody>
  </table>`;
}

function runLink(run: Run): Markup {
  return html`<a href=${`/console/runs/${run.id}`}>${runTitle(run)}</a>`;
}

/** The texts of a column, by a query that BigQuery bills: only this form sends it. @throws AppError not_found if no run has found any */
async function valuesPage(visit: Visit): Promise<Page> {
  const { context, form } = visit;
  const found = await requireListedJob(visit);
  const column = form.get('column') ?? '';
  const runs = await listRunsWithInvalidValues(context.database, found.id, MAX_RUNS);
  if (!runs.some((run) => valuesOf(run).some(([name]) => name === column))) {
    throw new AppError('not_found', `No run that is kept found an invalid value of this column of ${found.objectName}.`);
  }
  const [values, connection] = await Promise.all([read(visit, found, column), readConnectionOf(visit, found)]);
  const { endpoint } = context.config.bigquery;
  const back = html`<p><a href=${`/console/jobs/${found.id}/invalid-values`}>← All fields</a></p>`;
  const shown =
    typeof values === 'string'
      ? none(values)
      : html`<section class="card">
          <div class="toolbar"><span class="sub">${values.length < MAX_VALUES ? count(values.length, 'value') : `the newest ${MAX_VALUES} values`}${endpoint === undefined ? ', read by a query that BigQuery bills' : ''}</span></div>
          <div class="scroll values" tabindex="0" role="region" aria-label="Values">${valueTable(values, connection?.instanceUrl)}</div>
        </section>`;
  return await framed(visit, found, html`<div>${back}<h2>Invalid values of <span class="mono">${column}</span></h2>${shown}</div>`);
}

/** @returns why there are no values to show, in a sentence, if there are none */
async function read({ context, closed }: Visit, found: ListedJob, column: string): Promise<InvalidValue[] | string> {
  const signal = AbortSignal.any([closed, AbortSignal.timeout(MAX_QUERY_MS)]);
  try {
    const of = { objectName: found.objectName, column };
    const values = await listInvalidValues(context.warehouse.withSignal(signal), invalidValuesTable(context, found), of, MAX_VALUES);
    return values.length > 0 ? values : 'No text is kept: it is older than 30 days, was erased, or a policy tag protects its column.';
  } catch (error) {
    if (signal.aborted)
      return `BigQuery did not finish the query within ${MAX_QUERY_MS / 1000} seconds. Go back to all fields, then try again.`;
    if (!isAppError(error) || error.code === 'internal') throw error;
    return error.message;
  }
}

function valueTable(values: readonly InvalidValue[], instanceUrl: string | undefined): Markup {
  return html`<table>
    <thead><tr><th>Record</th><th>Text</th><th>Found</th><th>Run</th></tr></thead>
    <tbody>${values.map(
      ({ id, value, run, seenAt }) => html`<tr>
        <td>${instanceUrl ? html`<a href=${`${instanceUrl}/${encodeURIComponent(id)}`} rel="noreferrer">${id}</a>` : id}</td>
        <td>${shorten(value)}</td>
        <td>${moment(seenAt)}</td>
        <td><a href=${`/console/runs/${run}`}><code>${run.slice(0, 8)}</code></a></td>
      </tr>`,
    )}</tbody>
  </table>`;
}
