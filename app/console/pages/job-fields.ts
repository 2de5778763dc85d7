import { changeJob } from '../../actions/jobs/change-job.ts';
import { readJobFields } from '../../actions/jobs/read-job-fields.ts';
import { requireJobById } from '../../actions/jobs/require-job.ts';
import type { JobField } from '../../core/fields/job-fields.ts';
import { schemaChangesOf } from '../../core/runs/run-rows.ts';
import { AppError } from '../../errors.ts';
import { listDriftingRuns } from '../../store/jobs/schema-changes.ts';
import { readConnectionOf } from '../attention.ts';
import { count, formatNumber, moment } from '../format.ts';
import { html, type Markup } from '../html.ts';
import { hiddenFields } from '../parts/action.ts';
import { asCurl, curlOf } from '../parts/as-text.ts';
import { jobTabs } from '../parts/job-tabs.ts';
import { treatmentOf } from '../parts/treatment.ts';
import type { Page, Route, SeeOther, Visit } from '../route.ts';
import { heading, requireId, requireListedJob } from './job.ts';

/** What a job does with each field of its object, and how its table has changed. */
export const jobFields: readonly Route[] = [
  { method: 'GET', path: '/jobs/:id/fields', handle: page },
  { method: 'POST', path: '/jobs/:id/approve', handle: approve },
];

async function page(visit: Visit): Promise<Page> {
  const { context, params } = visit;
  const found = await requireListedJob(visit);
  const [connection, fields, drifting] = await Promise.all([
    readConnectionOf(visit, found),
    requireJobById(context, requireId(params.id)).then((stored) => readJobFields(context, stored)),
    listDriftingRuns(context.database, found.id),
  ]);
  const pending = fields.filter(({ treatment }) => treatment === 'pending');
  return {
    title: found.objectName,
    heading: heading(visit, found, connection),
    body: html`<div>
      ${jobTabs(found, 'fields', visit)}
      ${pending.length > 0 ? review(visit, found.id, pending) : null}
      ${fields.length > 0 ? fieldTable(fields) : html`<section class="card empty"><p>The first import reads which fields ${found.objectName} has.</p></section>`}
      ${changeTable(drifting.flatMap(schemaChangesOf))}
    </div>`,
  };
}

/** The fields that are read once someone approves them. */
function review(visit: Visit, jobId: string, pending: readonly JobField[]): Markup {
  return html`<section class="card" aria-label="Fields to review">
    <form method="post" action=${`/console/jobs/${jobId}/approve`}>
      ${hiddenFields(visit)}
      <div class="toolbar"><b>${count(pending.length, 'new field awaits', 'new fields await')} review</b>
        <span class="sub">Not read until approved. Then the next window adds the columns, and a sweep fills them on all rows.</span>
        ${visit.can.operate ? html`<span class="push"><button class="button primary">Approve selected</button></span>` : null}</div>
      <table><tbody>${pending.map(
        ({ name, label, type }) => html`<tr>
          ${visit.can.operate ? html`<td class="tight"><input type="checkbox" name="field" value=${name} checked aria-label=${`Approve ${name}`} /></td>` : null}
          <td><b>${label}</b> <span class="why mono">${name}</span></td><td class="mono">${type}</td>
        </tr>`,
      )}</tbody></table>
    </form>
    ${visit.can.operate ? html`<div class="paging">${asCurl('approve-as-curl', approveCommand(visit, jobId, pending))}</div>` : null}
  </section>`;
}

function approveCommand(visit: Visit, jobId: string, pending: readonly JobField[]): string {
  const names = pending.map(({ name }) => name).join(',');
  return curlOf(visit, { method: 'PATCH', path: `/v1/jobs/${jobId}`, fields: [['approve_fields', names]] });
}

function fieldTable(fields: readonly JobField[]): Markup {
  const read = fields.filter(({ treatment }) => treatment === 'read' || treatment === 'hashed').length;
  return html`<h2>Fields <span class="sub">${formatNumber(read)} of ${formatNumber(fields.length)} are read</span></h2>
    <section class="card scroll" tabindex="0"><table>
      <thead><tr><th>Field</th><th>In Salesforce</th><th class="wide">Column</th><th>Treatment</th></tr></thead>
      <tbody>${fields.map(
        (field) => html`<tr>
          <td><b>${field.label}</b> <span class="why mono">${field.name}</span></td>
          <td class="mono">${field.type}</td>
          <td class="wide mono">${columnOf(field)}</td>
          <td>${treatmentOf(field)}</td>
        </tr>`,
      )}</tbody>
    </table></section>` as Markup;
}

/** Its name, unless it is the field's, and its type. */
function columnOf({ name, column, columnType }: JobField): string {
  return column ? `${column === name ? '' : `${column} `}${columnType ?? ''}` : '–';
}

const CHANGES: Record<string, string> = {
  column_added: 'column added',
  column_orphaned: 'nothing fills the column any more',
  field_retyped: 'type changed',
  field_skipped: 'not read',
  field_pending: 'awaits review',
};

function changeTable(changes: ReturnType<typeof schemaChangesOf>): Markup | null {
  if (changes.length === 0) return null;
  return html`<h2>Schema changes</h2>
    <section class="card scroll" tabindex="0"><table>
      <thead><tr><th>Field or column</th><th>Change</th><th class="wide">Details</th><th class="num">When</th></tr></thead>
      <tbody>${changes.map(
        ({ changed_at, run, change, field, column_name, field_type, column_type, detail }) => html`<tr>
          <td class="mono">${field ?? column_name}</td>
          <td>${CHANGES[String(change)] ?? change}</td>
          <td class="wide sub">${[field_type, column_type, detail].filter(Boolean).join(' · ')}</td>
          <td class="num"><a href=${`/console/runs/${run}`}>${moment(new Date(String(changed_at)))}</a></td>
        </tr>`,
      )}</tbody>
    </table></section>` as Markup;
}

async function approve({ context, params, caller, form }: Visit): Promise<SeeOther> {
  const stored = await requireJobById(context, requireId(params.id));
  const names = form.getAll('field');
  if (names.length === 0) throw new AppError('invalid_request', 'No field is selected.');
  const text = await changeJob(context, stored, { approveFields: names.join(',') }, caller.name);
  return { location: `/console/jobs/${stored.id}/fields`, notice: { kind: 'good', text } };
}
