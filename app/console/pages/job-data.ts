import { type ListedRows, listRows } from '../../bigquery/list-rows.ts';
import { isAppError } from '../../errors.ts';
import type { ListedJob } from '../../store/jobs/job-list.ts';
import { targetTable } from '../../sync/names.ts';
import { readConnectionOf } from '../attention.ts';
import { count, formatNumber } from '../format.ts';
import { type Content, html, type Markup } from '../html.ts';
import { action } from '../parts/action.ts';
import { jobTabs } from '../parts/job-tabs.ts';
import type { Page, Route, Visit } from '../route.ts';
import { heading, requireListedJob } from './job.ts';

/** The first rows of a job's table: with the invalid values of a field, the only pages with values of records. */
export const jobData: readonly Route[] = [{ method: 'GET', path: '/jobs/:id/data', requires: 'rows', handle: page }];

const MAX_ROWS = 50;

async function page(visit: Visit): Promise<Page> {
  const found = await requireListedJob(visit);
  const [data, connection] = await Promise.all([read(visit, found), readConnectionOf(visit, found)]);
  return {
    title: found.objectName,
    heading: heading(visit, found, connection),
    body: html`<div>${jobTabs(found, 'data', visit)}${data === MISSING ? missing(visit, found) : typeof data === 'string' ? nothing(data) : rowTable(visit, found, data)}</div>`,
  };
}

/** @returns why there are no rows to show, in a sentence, if there are none */
async function read({ context }: Visit, found: ListedJob): Promise<ListedRows | string> {
  try {
    const data = await listRows(context.warehouse, targetTable(context, found), MAX_ROWS);
    if (!data) return found.syncedTo > found.startDate ? MISSING : 'The table does not exist yet: the first import creates it.';
    return data.rows.length > 0 ? data : 'The table has no rows yet.';
  } catch (error) {
    if (!isAppError(error) || error.code === 'internal') throw error;
    return error.message;
  }
}

const MISSING = 'The table is missing.';

/** Only a rebuild creates a table again that windows have filled. */
function missing(visit: Visit, { id, active }: ListedJob): Markup {
  if (!active) return nothing(`${MISSING} Resume the job, then rebuild it.`);
  return nothing(`${MISSING} Rebuild the job.`, action(visit, { label: 'Rebuild', path: `/jobs/${id}/rebuild` }));
}

function nothing(why: string, button?: Content): Markup {
  return html`<section class="card empty"><p>${why}</p>${button ?? null}</section>`;
}

function rowTable({ context }: Visit, found: ListedJob, { columns, rows, totalRows }: ListedRows): Markup {
  return html`<section class="card">
    <div class="toolbar"><span class="sub">${rows.length < totalRows ? `${rows.length} of ${formatNumber(totalRows)} rows` : count(totalRows, 'row')}, in no order</span><span class="push">${bigqueryLink(context.config.bigquery, found)}</span></div>
    <div class="scroll values" tabindex="0" role="region" aria-label="Rows"><table>
      <thead><tr>${columns.map(({ name, type }) => html`<th>${name}<small>${type}</small></th>`)}</tr></thead>
      <tbody>${rows.map((row) => html`<tr>${row.map((value) => html`<td>${value === null ? html`<span class="null">NULL</span>` : shorten(value)}</td>`)}</tr>`)}</tbody>
    </table></div>
  </section>`;
}

const MAX_VALUE = 120;

/** The start of a long value. */
export function shorten(value: string): string {
  return value.length > MAX_VALUE ? `${value.slice(0, MAX_VALUE)}…` : value;
}

/** The table in Google's console; nothing for an emulator, which is not there. */
function bigqueryLink(
  { endpoint, project }: Visit['context']['config']['bigquery'],
  { targetDataset, targetTable: table }: ListedJob,
): Content {
  if (endpoint !== undefined) return null;
  const query = new URLSearchParams({ project, p: project, d: targetDataset, t: table, page: 'table' });
  return html`<a class="button" href=${`https://console.cloud.google.com/bigquery?${query}`} rel="noreferrer">Open in BigQuery</a>`;
}
