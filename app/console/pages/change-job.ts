import { changeJob as changeStored } from '../../actions/jobs/change-job.ts';
import { type JobChangePlan, planJobChange } from '../../actions/jobs/plan-job-change.ts';
import { requireJobById } from '../../actions/jobs/require-job.ts';
import { whileConnected } from '../../actions/while-connected.ts';
import { CHANGEABLE_PROPERTIES } from '../../core/jobs/job-options.ts';
import { queryDollars } from '../../core/jobs/monthly-cost.ts';
import { windowEnd } from '../../core/runs/window.ts';
import { type AppError, isAppError } from '../../errors.ts';
import { readListedConnection } from '../../store/connections/connection-list.ts';
import { listJob } from '../../store/jobs/job-list.ts';
import type { Job } from '../../store/jobs/jobs.ts';
import { count, formatBytes, formatDollars, withoutCalls } from '../format.ts';
import { type Content, html, type Markup } from '../html.ts';
import {
  changedFields,
  type Faults,
  findFaults,
  findOvertaken,
  type JobChangeForm,
  readJobChange,
  shownOptions,
  textsOf,
  toFaults,
} from '../job-change-form.ts';
import { asText, curlOf, jobsYaml } from '../parts/as-text.ts';
import { jobChangeFields, jobChangeTable } from '../parts/job-change-fields.ts';
import type { Page, Reply, Route, Visit } from '../route.ts';
import { FORM_TOKEN } from '../session/form-tokens.ts';
import { requireId } from './job.ts';

/** The change of a job: a form with its options, another page that shows what the change would cause, and the action that makes it. */
export const changeJob: readonly Route[] = [
  { method: 'GET', path: '/jobs/:id/change', requires: 'operate', handle: choose },
  // It calls the org.
  { method: 'GET', path: '/jobs/:id/change/review', requires: 'operate', handle: review },
  { method: 'POST', path: '/jobs/:id/change', handle: save },
];

const read = ({ context, params }: Visit): Promise<Job> => requireJobById(context, requireId(params.id));

async function choose(visit: Visit): Promise<Page> {
  const stored = await read(visit);
  const form = readJobChange(stored, visit.query);
  return formPage(stored, form, findOvertaken(stored, form));
}

const NO_FAULTS: Faults = new Map();

function formPage(stored: Job, { texts }: JobChangeForm, faults = NO_FAULTS): Page {
  const general = faults.get('form');
  return {
    title: `Change ${stored.objectName}`,
    heading: subject(stored),
    body: html`<form class="card pad stack-fields two" method="get" action=${`/console/jobs/${stored.id}/change/review`}>
      ${general ? html`<p class="notice bad wide-field" role="alert"><span aria-hidden="true">!</span> ${withoutCalls(general)}</p>` : null}
      ${shownOptions(stored, CHANGEABLE_PROPERTIES).map(hiddenField)}
      ${jobChangeFields(texts, textsOf(stored), faults)}
      <p class="wide-field buttons"><button class="button primary">Review</button> <a class="button" href=${`/console/jobs/${stored.id}`}>Cancel</a></p>
      <p class="sub wide-field">Nothing is changed yet: the next page shows what the change causes. The dataset and append_only of a job cannot be changed.</p>
    </form>`,
  };
}

const hiddenField = ([name, value]: readonly [string, string]): Markup => html`<input type="hidden" name=${name} value=${value} />`;

function subject({ id, objectName, targetDataset, targetTable }: Job): Content {
  return html`<span class="sub"><a href=${`/console/jobs/${id}`}>${objectName}</a> → <span class="mono">${targetDataset}.${targetTable}</span></span>`;
}

async function review(visit: Visit): Promise<Page> {
  const { context, query } = visit;
  const stored = await read(visit);
  const form = readJobChange(stored, query);
  const overtaken = findOvertaken(stored, form);
  if (overtaken.size > 0) return formPage(stored, form, overtaken);
  const faults = findFaults(form, windowEnd(await context.scheduleNow(), 'day'));
  if (faults.size > 0) return formPage(stored, form, faults);
  if (changedFields(form).length === 0) return formPage(stored, form, new Map([['form', UNCHANGED]]));
  try {
    const plan = await planJobChange(whileConnected(context, visit.closed), stored, form.request);
    if (Object.keys(plan.changes).length === 0) return formPage(stored, form, new Map([['form', UNCHANGED]]));
    return await reviewPage(visit, stored, form, plan);
  } catch (error) {
    if (!isExpected(error)) throw error;
    return formPage(stored, form, toFaults(form, error.message));
  }
}

const UNCHANGED = 'The job has these values already. Change one of them first.';

const isExpected = (error: unknown): error is AppError => isAppError(error) && error.code !== 'internal';

async function reviewPage(visit: Visit, stored: Job, form: JobChangeForm, plan: JobChangePlan): Promise<Page> {
  const { database } = visit.context;
  const path = `/jobs/${stored.id}/change`;
  const fields = changedFields(form);
  const [connection, listed] = await Promise.all([readListedConnection(database, stored.connectionId), listJob(database, stored.id)]);
  const open = plan.repair && listed?.repair && listed.repair.finishedAt === null ? listed.repair : undefined;
  const changed = CHANGEABLE_PROPERTIES.filter((property) => form.request[property] !== undefined);
  const effects = [...plan.effects, ...describeCost(plan)];
  const { appendOnly, ...options } = { ...stored, ...plan.changes };
  return {
    title: `Change ${stored.objectName}`,
    heading: subject(stored),
    body: html`<div>
      <section class="card scroll" tabindex="0">${jobChangeTable(changed, textsOf(stored), form.texts)}</section>
      <h2>What saving this causes</h2>
      <section class="card pad"><ul class="effects">${effects.map((effect) => html`<li>${effect}</li>`)}</ul>
        ${open ? html`<p class="notice bad"><span aria-hidden="true">!</span> <span>A ${open.kind} of the job is open, and this change starts another repair. Save it once <a href=${`/console/runs/${open.id}`}>that run</a> has ended.</span></p>` : null}
        ${saveForm(visit, path, [...fields, ...shownOptions(stored, changed)])}
      </section>
      ${asText(
        curlOf(visit, { method: 'PATCH', path: `/v1/jobs/${stored.id}`, fields }),
        jobsYaml([stored.objectName], connection, { ...options, ...(appendOnly && { appendOnly }) }),
      )}
    </div>`,
  };
}

function saveForm({ formToken }: Visit, path: string, fields: [string, string][]): Markup {
  const hidden: [string, string][] = [[FORM_TOKEN, formToken], ['back', `/console${path}`], ...fields];
  return html`<form class="buttons" method="post" action=${`/console${path}`}>
    ${hidden.map(hiddenField)}
    <button class="button primary">Save</button> <a class="button" href=${`/console${path}?${new URLSearchParams(fields)}`}>Back</a>
  </form>`;
}

/** What windows with another `every` cost. */
function describeCost({ cost }: JobChangePlan): string[] {
  if (!cost) return [];
  const calls = `about ${count(Math.ceil(cost.calls), 'call')} to Salesforce`;
  return [
    `Its windows then need ${calls} a day, and bill ${formatBytes(cost.bytesBilled)} in BigQuery (${formatDollars(queryDollars(cost.bytesBilled))}).`,
  ];
}

/** What refuses the change now is shown at its field. */
async function save(visit: Visit): Promise<Reply> {
  const { context, caller } = visit;
  const stored = await read(visit);
  const form = readJobChange(stored, visit.form);
  const location = `/console/jobs/${stored.id}`;
  // The job may have these values by now.
  if (changedFields(form).length === 0)
    return { location, notice: { kind: 'good', text: 'Nothing has changed: the job has these values already.' } };
  const overtaken = findOvertaken(stored, form);
  if (overtaken.size > 0) return formPage(stored, form, overtaken);
  try {
    const text = await changeStored(context, stored, form.request, caller.name);
    return { location, notice: { kind: 'good', text } };
  } catch (error) {
    if (!isExpected(error)) throw error;
    return formPage(stored, form, toFaults(form, error.message));
  }
}
