import { listObjects } from '../../actions/connections/list-objects.ts';
import { requireConnection } from '../../actions/connections/require-connection.ts';
import { createJobs, type JobCreation } from '../../actions/jobs/create-jobs.ts';
import { readJobRequest } from '../../actions/jobs/plan-job.ts';
import { type JobPreview, previewJob } from '../../actions/jobs/preview-job.ts';
import { whileConnected } from '../../actions/while-connected.ts';
import { mapConcurrently } from '../../core/map-concurrently.ts';
import { isAppError } from '../../errors.ts';
import {
  type ListedConnection,
  listConnectionNames,
  type NamedConnection,
  readListedConnection,
} from '../../store/connections/connection-list.ts';
import type { Connection } from '../../store/connections/connections.ts';
import { count } from '../format.ts';
import { type Content, html, type Markup } from '../html.ts';
import { type JobForm, jobFormFields, readJobForm, requireObjects } from '../job-form.ts';
import { connectionName } from '../parts/alerts.ts';
import { asText, createJobsCurl, jobsYaml } from '../parts/as-text.ts';
import { connectionOptions } from '../parts/connection-options.ts';
import { jobFormFieldset } from '../parts/job-form-fields.ts';
import { previewCards, previewSummary } from '../parts/job-previews.ts';
import { objectTable } from '../parts/object-table.ts';
import type { Page, Route, SeeOther, Visit } from '../route.ts';
import { FORM_TOKEN } from '../session/form-tokens.ts';

/**
 * New jobs: a page that lists the objects of an org, another that shows what the jobs would do and cost, and the action that creates them.
 * All that is chosen is in the address, so it survives a search, a refusal and the way back.
 */
export const newJobs: readonly Route[] = [
  // They call the org, so keys that may only read must not.
  { method: 'GET', path: '/jobs/new', requires: 'operate', handle: choose },
  { method: 'GET', path: '/jobs/new/preview', requires: 'operate', handle: preview },
  { method: 'POST', path: '/jobs/new', handle: create },
];

/** Previews at the same time, as jobs that are created. */
const CONCURRENCY = 4;

/** The address of a page of the form. */
function formUrl(form: JobForm, page: '' | '/preview'): string {
  return `/console/jobs/new${page}?${new URLSearchParams(jobFormFields(form))}`;
}

async function choose(visit: Visit): Promise<Page> {
  const form = readJobForm(visit.query);
  const { database } = visit.context;
  const all = await listConnectionNames(database);
  const chosen = all.find(({ id }) => String(id) === form.connection) ?? all.find(({ status }) => status === 'active') ?? all[0];
  if (!chosen) return { title: TITLE, body: NOTHING_CONNECTED };
  const connection = await readListedConnection(database, chosen.id);
  return { title: TITLE, heading: source(all, connection, form), body: await objectForm(visit, connection, form) };
}

const TITLE = 'New jobs';

const NOTHING_CONNECTED = html`<section class="card empty"><p>Jobs read from a Salesforce org, and none is connected yet.</p><p><a href="/console/connections">Connect an org</a></p></section>`;

/** More than these are in a list to choose from. */
const MAX_LINKS = 5;

/** The org whose objects are listed, and the others. What is chosen of the jobs' options stays. */
function source(all: readonly NamedConnection[], connection: ListedConnection, form: JobForm): Content {
  const others = all.filter(({ id, status }) => id !== connection.id && status !== 'disconnected');
  if (others.length > MAX_LINKS) return sourceForm([connection, ...others], connection.id, form);
  const links = others.map(
    (other) => html`<a href=${formUrl({ ...form, connection: String(other.id), objects: [] }, '')}>${connectionName(other)}</a>`,
  );
  return html`<span class="sub">from <b>${connectionName(connection)}</b>${links.length > 0 ? [' · or from ', ...links.flatMap((link, index) => (index > 0 ? [', ', link] : [link]))] : null}</span>`;
}

/** @param chosen the id of one of them */
function sourceForm(choices: readonly NamedConnection[], chosen: number, form: JobForm): Markup {
  const kept = jobFormFields({ ...form, connection: undefined, objects: [] });
  return html`<form class="source" method="get" action="/console/jobs/new">
    ${kept.map(([name, value]) => html`<input type="hidden" name=${name} value=${value} />`)}
    <label>from <select name="connection">${connectionOptions(choices, chosen)}</select></label>
    <button class="button">Show its objects</button>
  </form>`;
}

/** The list and the options; why there is no list, if the org cannot be called. @param problem what was wrong with the form */
async function objectForm(visit: Visit, listed: ListedConnection, form: JobForm, problem?: string): Promise<Markup> {
  const objects = await listObjects(whileConnected(visit.context, visit.closed), listed).catch((error: unknown) => {
    if (!isAppError(error) || error.code === 'internal') throw error;
    return error.message;
  });
  if (typeof objects === 'string')
    return html`<div>${bad(objects)}<p><a class="button" href=${`/console/connections/${listed.id}`}>Open the connection</a></p></div>`;
  const search = visit.query.get('search')?.trim() ?? '';
  const isAll = visit.query.get('all') === 'yes';
  return html`<form method="get" action="/console/jobs/new">
    <input type="hidden" name="connection" value=${listed.id} />
    ${problem ? bad(problem) : null}
    <div class="new-jobs">
      ${objectTable(objects, { selected: form.objects, search, isAll, allUrl: `${formUrl({ ...form, connection: String(listed.id) }, '')}&all=yes` })}
      <section class="card pad options" aria-label="Options of the new jobs">
        ${jobFormFieldset(visit.context, listed, form)}
        <p><button class="button primary" formaction="/console/jobs/new/preview">Preview</button></p>
        <p class="sub">Nothing is created yet: the preview shows what each job would read and what it would cost.</p>
      </section>
    </div>
  </form>`;
}

function bad(text: string): Markup {
  return html`<p class="notice bad" role="alert"><span aria-hidden="true">!</span> ${text}</p>`;
}

async function preview(visit: Visit): Promise<Page> {
  const { context, query } = visit;
  const form = readJobForm(query);
  const { connection, listed } = await connectionOf(visit, form);
  try {
    requireObjects(form);
    const wanted = await readJobRequest(context, { ...form, objectName: '' });
    const previews = await mapConcurrently(
      CONCURRENCY,
      visit.closed,
      () => form.objects,
      (objectName) => previewOne(visit, connection, { ...wanted, objectName }),
    );
    return {
      title: TITLE,
      heading: html`<span class="sub">Preview · from <b>${connectionName(listed)}</b></span>`,
      body: previewBody(visit, listed, form, previews, wanted.options),
    };
  } catch (error) {
    if (!isAppError(error) || error.code !== 'invalid_request') throw error;
    return { title: TITLE, body: await objectForm(visit, listed, form, error.message) };
  }
}

type Wanted = Awaited<ReturnType<typeof readJobRequest>>;

/** An object that cannot be checked now does not hide the previews of the others. */
async function previewOne({ context, closed }: Visit, connection: Connection, wanted: Wanted): Promise<JobPreview> {
  try {
    return await previewJob(whileConnected(context, closed), connection, wanted);
  } catch (error) {
    if (!isAppError(error) || error.code === 'internal') throw error;
    return { objectName: wanted.objectName, outcome: 'refused', jobId: null, refusals: [error], planned: undefined };
  }
}

function previewBody(
  visit: Visit,
  listed: ListedConnection,
  form: JobForm,
  previews: readonly JobPreview[],
  options: Wanted['options'],
): Markup {
  const creatable = previews.filter(({ outcome }) => outcome === 'create' || outcome === 'take_over');
  const shown = { ...form, objects: previews.map(({ objectName }) => objectName) };
  const created = { ...shown, objects: creatable.map(({ objectName }) => objectName) };
  const back = formUrl(shown, '');
  return html`<div>
    ${previewSummary(previews, {
      create: creatable.length > 0 ? createForm(visit, created) : null,
      back: html`<a class="button" href=${back}>Change</a>`,
    })}
    ${previewCards(previews)}
    ${created.objects.length > 0 ? asText(createJobsCurl(visit, created, listed), jobsYaml(created.objects, listed, options)) : null}
  </div>`;
}

function createForm(visit: Visit, form: JobForm): Markup {
  const fields: [string, string][] = [[FORM_TOKEN, visit.formToken], ['back', formUrl(form, '/preview')], ...jobFormFields(form)];
  return html`<form class="inline" method="post" action="/console/jobs/new">
    ${fields.map(([name, value]) => html`<input type="hidden" name=${name} value=${value} />`)}
    <button class="button primary">${form.objects.length === 1 ? 'Create the job' : `Create ${count(form.objects.length, 'job')}`}</button>
  </form>`;
}

async function connectionOf(
  { context }: Visit,
  { connection: id = '' }: JobForm,
): Promise<{ connection: Connection; listed: ListedConnection }> {
  const connection = await requireConnection(context, id, 'The connection in the address');
  return { connection, listed: await readListedConnection(context.database, connection.id) };
}

async function create(visit: Visit): Promise<SeeOther> {
  const { context, caller } = visit;
  const form = readJobForm(visit.form);
  requireObjects(form);
  const { connection } = await connectionOf(visit, form);
  const creations = await createJobs(context, connection, form.objects, form, caller.name, visit.closed);
  const refused = creations.filter((creation) => creation.outcome === 'refused');
  const done = creations.filter((creation) => creation.outcome !== 'refused');
  const text = [...describeCreated(done), ...refused.map(({ objectName, error }) => `${objectName} was refused: ${error.message}`)].join(
    ' ',
  );
  if (done.length === 0) return { location: formUrl(form, '/preview'), notice: { kind: 'bad', text } };
  const location = creations.length === 1 ? `/console/jobs/${done[0]!.job.id}` : '/console/jobs';
  return { location, notice: { kind: refused.length > 0 ? 'bad' : 'good', text } };
}

/** @param done jobs that were created, taken over, or existed already */
function describeCreated(done: readonly Exclude<JobCreation, { outcome: 'refused' }>[]): string[] {
  if (done.length === 0) return [];
  const named = (outcome: string): string[] => done.flatMap((creation) => (creation.outcome === outcome ? creation.objectName : []));
  const list = new Intl.ListFormat('en');
  const sentences = [
    { names: named('created'), what: (names: string[]) => `Created ${count(names.length, 'job')}: ${list.format(names)}.` },
    { names: named('taken_over'), what: (names: string[]) => `Took over ${list.format(names)}.` },
    { names: named('existed'), what: (names: string[]) => `${list.format(names)} had the same job already.` },
  ];
  const warnings = done.flatMap((creation) => creation.warning ?? []);
  return [
    ...sentences.flatMap(({ names, what }) => (names.length > 0 ? what(names) : [])),
    'The next tick imports what is due.',
    ...warnings,
  ];
}
