import { deleteJob as deleteStored } from '../../actions/jobs/delete-job.ts';
import { requireJobById } from '../../actions/jobs/require-job.ts';
import { isAppError } from '../../errors.ts';
import type { Job } from '../../store/jobs/jobs.ts';
import { liveView, versionsTable, versionsView } from '../../sync/names.ts';
import { withoutCalls } from '../format.ts';
import { type Content, html, type Markup } from '../html.ts';
import { hiddenFields } from '../parts/action.ts';
import { asText, curlOf } from '../parts/as-text.ts';
import type { Page, Reply, Route, Visit } from '../route.ts';
import { requireId } from './job.ts';

/** The end of a job: a page that says what is deleted and what is kept, with a form that must name the object, and its action. */
export const deleteJob: readonly Route[] = [
  { method: 'GET', path: '/jobs/:id/delete', requires: 'operate', handle: async (visit) => page(visit, await read(visit)) },
  { method: 'POST', path: '/jobs/:id/delete', handle: end },
];

const read = ({ context, params }: Visit): Promise<Job> => requireJobById(context, requireId(params.id));

/** What is wrong with the form, by its field; `form`: why the deletion failed. */
type Faults = Partial<Record<'table' | 'name' | 'form', string>>;

function page(visit: Visit, stored: Job, faults: Faults = {}): Page {
  const { id, objectName, targetDataset, targetTable } = stored;
  const table = visit.form.get('table');
  return {
    title: `Delete the job for ${objectName}`,
    heading: html`<span class="sub"><a href=${`/console/jobs/${id}`}>${objectName}</a> → <span class="mono">${targetDataset}.${targetTable}</span></span>`,
    body: html`<div>
      <section class="card">${consequences(visit, stored)}</section>
      <form class="card pad stack-fields" method="post" action=${`/console/jobs/${id}/delete`}>
        ${hiddenFields(visit)}
        ${faults.form ? html`<p class="notice bad" role="alert"><span aria-hidden="true">!</span> ${faults.form}</p>` : null}
        <fieldset aria-describedby=${faults.table ? 'table-fault' : undefined}>
          <legend>The table</legend>
          ${choice('keep', `Keep ${targetDataset}.${targetTable}`, 'It stays as it is, and nothing keeps it current any more. To import the object again, rename or drop it first.', table)}
          ${choice('drop', `Drop ${targetDataset}.${targetTable}`, 'With all of its rows. Salesforce still has those that are not deleted there.', table)}
          ${faults.table ? html`<small id="table-fault" class="fault" role="alert">${faults.table}</small>` : null}
        </fieldset>
        <label class="short">Type ${objectName} to confirm
          <input type="text" name="name" value=${visit.form.get('name') ?? ''} required maxlength="80" autocomplete="off" autocapitalize="off" spellcheck="false" aria-describedby=${faults.name ? 'name-fault' : undefined} aria-invalid=${faults.name ? 'true' : undefined} />
          ${faults.name ? html`<small id="name-fault" class="fault" role="alert">${faults.name}</small>` : null}</label>
        <p class="buttons"><button class="button danger">Delete the job</button> <a class="button" href=${`/console/jobs/${id}`}>Cancel</a></p>
      </form>
      ${asText(curlOf(visit, { method: 'DELETE', path: `/v1/jobs/${id}`, fields: [['table', table === 'drop' ? 'drop' : 'keep']] }))}
    </div>`,
  };
}

function choice(value: string, label: string, note: string, chosen: string | null): Markup {
  return html`<label class="check"><input type="radio" name="table" value=${value} checked=${chosen === value} required /> <span>${label} <small>${note}</small></span></label>`;
}

/** What becomes of everything that belongs to the job. */
function consequences({ context }: Visit, stored: Job): Markup {
  const { objectName, targetDataset } = stored;
  // Its versions stay when its history is switched off.
  const dropped = [liveView(context, stored), versionsTable(context, stored), versionsView(context, stored)];
  const named = new Intl.ListFormat('en').format(dropped.map(({ table }) => table));
  const fact = (what: string, text: Content): Markup[] => [html`<dt>${what}</dt>`, html`<dd>${text}</dd>`];
  return html`<dl class="about">
    ${fact('Deleted', 'The job, its options and its runs with their events and staging tables. A run that is in progress is cancelled first.')}
    ${fact('Kept or dropped', `The table, with ${named}, as far as they exist, and the invalid values of its rows, as you choose below.`)}
    ${fact('Kept', `What its runs counted, in ${targetDataset}._runs, and who changed what, in Activity.`)}
    ${fact('Not touched', `${objectName} in Salesforce, and the connection.`)}
  </dl>`;
}

async function end(visit: Visit): Promise<Reply> {
  const { context, caller, form } = visit;
  const stored = await read(visit);
  const table = form.get('table');
  const isConfirmed = form.get('name')?.trim() === stored.objectName;
  if ((table !== 'keep' && table !== 'drop') || !isConfirmed) {
    return page(visit, stored, {
      ...(table === 'keep' || table === 'drop' ? {} : { table: 'Choose what becomes of the table.' }),
      ...(isConfirmed ? {} : { name: `Nothing is deleted: this is not ${stored.objectName}.` }),
    });
  }
  try {
    const { message } = await deleteStored(context, stored, table, caller.name);
    return { location: '/console/jobs', notice: { kind: 'good', text: `The job for ${stored.objectName} is deleted. ${message}` } };
  } catch (error) {
    if (!isAppError(error) || error.code === 'internal') throw error;
    const current = await read(visit);
    return page(visit, current, { form: `${withoutCalls(error.message)}${stopped(stored, current, table)}` });
  }
}

/** What a deletion that failed has changed nevertheless: it first stops the job. */
function stopped(before: Job, current: Job, table: 'keep' | 'drop'): string {
  if (current.active) return '';
  const otherwise = table === 'drop' ? 'resume it, and rebuild its table, which may be dropped already' : 'resume it';
  return ` The job is paused${before.active ? ' and its open runs are cancelled' : ''}: delete it again, or ${otherwise}.`;
}
