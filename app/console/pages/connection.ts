import { type ConnectionChangeRequest, changeConnection } from '../../actions/connections/change-connection.ts';
import { disconnect } from '../../actions/connections/disconnect.ts';
import { requireConnection } from '../../actions/connections/require-connection.ts';
import { testConnection } from '../../actions/connections/test-connection.ts';
import { isAppError } from '../../errors.ts';
import { type ListedConnection, readListedConnection } from '../../store/connections/connection-list.ts';
import type { Connection } from '../../store/connections/connections.ts';
import { count, moment, relative, withoutCalls } from '../format.ts';
import { type Content, html, type Markup } from '../html.ts';
import { action, hiddenFields } from '../parts/action.ts';
import { connectionName } from '../parts/alerts.ts';
import { asCurl, curlOf } from '../parts/as-text.ts';
import { CONNECTION_STATUS, FLOWS, quotaBar } from '../parts/connection-table.ts';
import { pill } from '../parts/pill.ts';
import { reconnection } from '../parts/reconnection.ts';
import type { Page, Reply, Route, SeeOther, Visit } from '../route.ts';
import { readSubmittedField, shownField } from '../submitted-field.ts';
import { readQuotas } from './connections.ts';

/** A connection: whose it is, how it is doing, its settings, and what can be done with it. */
export const connection: readonly Route[] = [
  { method: 'GET', path: '/connections/:id', handle: async (visit) => await page(visit, await read(visit)) },
  { method: 'POST', path: '/connections/:id', handle: change },
  { method: 'POST', path: '/connections/:id/test', handle: test },
  { method: 'POST', path: '/connections/:id/disconnect', handle: end },
];

const requireNamed = ({ context, params }: Visit): Promise<Connection> =>
  requireConnection(context, params.id!, 'The connection in the address');

async function read(visit: Visit): Promise<ListedConnection> {
  return await readListedConnection(visit.context.database, (await requireNamed(visit)).id);
}

/** A setting, by the property of its change. */
interface Setting {
  property: keyof ConnectionChangeRequest;
  name: string;
  label: string;
  note: string;
  placeholder?: string;
  choices?: readonly [string, string][];
  textOf(connection: ListedConnection): string;
}

const SETTINGS: readonly Setting[] = [
  {
    property: 'alias',
    name: 'alias',
    label: 'Alias',
    note: 'A short name, for paths and files.',
    placeholder: 'production',
    textOf: ({ alias }) => alias ?? '',
  },
  {
    property: 'apiShare',
    name: 'api_share',
    label: 'Share of the API calls',
    note: 'Of the org’s daily calls, from 0.01 to 1. Empty: API_SHARE.',
    placeholder: '0.3',
    textOf: ({ apiShare }) => (apiShare === null ? '' : String(apiShare)),
  },
  {
    property: 'quietHours',
    name: 'quiet_hours',
    label: 'Quiet hours',
    note: 'When no repair starts. Windows are not affected.',
    placeholder: '08:00-18:00 Europe/Berlin',
    textOf: ({ quietHours }) => quietHours ?? '',
  },
  {
    property: 'excludeFields',
    name: 'exclude_fields',
    label: 'New jobs never read',
    note: 'Names or patterns, separated by commas.',
    placeholder: '*.SSN__c',
    textOf: ({ excludeFields }) => excludeFields.join(', '),
  },
  {
    property: 'hashFields',
    name: 'hash_fields',
    label: 'New jobs store only a hash of',
    note: 'Names or patterns, separated by commas.',
    placeholder: 'Contact.Email',
    textOf: ({ hashFields }) => hashFields.join(', '),
  },
  {
    property: 'newFields',
    name: 'new_fields',
    label: 'Fields that appear later in objects of new jobs',
    note: '',
    choices: [
      ['', 'are added (the default)'],
      ['add', 'are added'],
      ['review', 'await approval'],
    ],
    textOf: ({ newFields }) => newFields ?? '',
  },
];

/** What the operator changed in a form, by the names of the settings, and what is wrong with it. */
interface Rejected {
  texts: ReadonlyMap<string, string>;
  message: string;
  /** the names of the settings that another operator has changed meanwhile */
  overtaken: readonly string[];
}

async function page(visit: Visit, found: ListedConnection, rejected?: Rejected): Promise<Page> {
  const { context, can } = visit;
  const { meaning, label } = CONNECTION_STATUS[found.status];
  const quotas = await readQuotas(context, [found]);
  return {
    title: connectionName(found),
    heading: [
      pill(meaning, label),
      html`<span class="sub">${found.username ?? 'unknown user'} · <a href=${found.instanceUrl} rel="noreferrer">${new URL(found.instanceUrl).host}</a></span>`,
      can.operate ? html`<span class="push">${buttons(visit, found)}</span>` : null,
    ],
    body: html`<div>
      ${found.status === 'active' ? null : html`<p class="notice bad"><span aria-hidden="true">!</span> ${withoutCalls(found.errorMessage ?? 'Salesforce no longer accepts its grant.')}</p>`}
      <section class="card pad">${quotaBar(found, quotas.get(found.orgId), context.config.apiShare)}</section>
      <h2>About</h2>
      <section class="card">${about(visit, found)}</section>
      <h2>Settings</h2>
      ${can.operate ? settingsForm(visit, found, rejected) : html`<section class="card">${settingsList(found)}</section>`}
      ${can.operate && found.status !== 'disconnected' ? ending(visit, found) : null}
    </div>`,
  };
}

function buttons(visit: Visit, found: ListedConnection): Content {
  if (found.status !== 'active') return reconnection(visit, found);
  return [
    action(visit, { label: 'Test', path: `/connections/${found.id}/test` }),
    html`<a class="button primary" href=${`/console/jobs/new?connection=${found.id}`}>New jobs</a>`,
  ];
}

function about({ now }: Visit, found: ListedConnection): Markup {
  const { orgName, orgId, isSandbox, userId, username, loginUrl, flow, scopes, grantedAt, usedAt, jobs, id, identityUrl } = found;
  const kind = isSandbox === null ? null : isSandbox ? 'sandbox' : 'production';
  return html`<dl class="about">
    <dt>Org</dt><dd>${orgName ?? 'unknown name'} ${kind ? html`<span class="sub">${kind}</span>` : null} <span class="mono">${orgId}</span></dd>
    <dt>User</dt><dd>${username ?? 'unknown'} <span class="mono">${userId}</span></dd>
    <dt>user_id</dt><dd class="mono">${identityUrl}</dd>
    <dt>Login</dt><dd>${FLOWS[flow]}, at ${new URL(loginUrl).host}${scopes ? html`<span>, with ${scopes.split(' ').join(', ')}</span>` : null}</dd>
    <dt>Last login</dt><dd>${moment(grantedAt)}</dd>
    <dt>Last call</dt><dd>${usedAt ? relative(usedAt, now) : 'never'}</dd>
    <dt>Jobs</dt><dd><a href=${`/console/jobs?connection=${id}`}>${count(jobs, 'job')}</a></dd>
  </dl>`;
}

function settingsList(found: ListedConnection): Markup {
  return html`<dl class="about">${SETTINGS.map((setting) => [html`<dt>${setting.label}</dt>`, html`<dd>${settingText(setting, found) || '–'}</dd>`])}</dl>`;
}

/** A setting in words; empty: it has none. */
function settingText({ choices, textOf }: Setting, found: ListedConnection): string {
  const value = textOf(found);
  return choices?.find(([choice]) => choice === value)?.[1] ?? value;
}

function settingsForm(visit: Visit, found: ListedConnection, rejected?: Rejected): Markup {
  const shown = ({ name, textOf }: Setting): string => rejected?.texts.get(name) ?? textOf(found);
  return html`<form class="card pad stack-fields two" method="post" action=${`/console/connections/${found.id}`}>
    ${hiddenFields(visit, Object.fromEntries(SETTINGS.map((setting) => shownField(setting.name, setting.textOf(found)))))}
    ${rejected ? html`<p class="notice bad wide-field" role="alert"><span aria-hidden="true">!</span> ${rejected.message}</p>` : null}
    ${SETTINGS.map(
      (setting) => html`<label>${setting.label}
        ${
          setting.choices
            ? html`<select name=${setting.name}>${setting.choices.map(([value, text]) => html`<option value=${value} selected=${value === shown(setting)}>${text}</option>`)}</select>`
            : html`<input type="text" name=${setting.name} value=${shown(setting)} placeholder=${setting.placeholder} spellcheck="false" autocomplete="off" />`
        }
        ${rejected?.overtaken.includes(setting.name) ? html`<small class="fault">Now: ${settingText(setting, found) || 'empty'}</small>` : setting.note ? html`<small>${setting.note}</small>` : null}</label>`,
    )}
    <p class="wide-field"><button class="button primary">Save</button></p>
    <div class="wide-field">${asCurl('settings-as-curl', settingsCurl(visit, found))}</div>
  </form>`;
}

/** The call that stores the settings as they are. */
function settingsCurl(visit: Visit, found: ListedConnection): string {
  const fields = SETTINGS.map(({ name, textOf }) => [name, textOf(found)] as const);
  return curlOf(visit, { method: 'PATCH', path: `/v1/connections/${found.id}`, fields });
}

function ending(visit: Visit, found: ListedConnection): Markup {
  const force = html`<label class="check fields"><input type="checkbox" name="force" value="yes" /> Forget the tokens even if Salesforce cannot revoke the grant</label>`;
  return html`<details class="card ending"><summary>Disconnect…</summary>
    <div class="choice"><p>Revokes the grant in Salesforce, forgets the tokens and pauses ${count(found.jobs, 'job')}. The tables stay, and the user can connect again.</p>
      ${action(visit, { label: `Disconnect ${connectionName(found)}`, path: `/connections/${found.id}/disconnect`, look: 'danger' }, force)}
      ${asCurl('end-as-curl', curlOf(visit, { method: 'POST', path: `/v1/connections/${found.id}/disconnect`, fields: [['force', 'false']] }))}
    </div>
  </details>`;
}

async function change(visit: Visit): Promise<Reply> {
  const { context, caller, form } = visit;
  const stored = await requireNamed(visit);
  const before = await readListedConnection(context.database, stored.id);
  const changes = SETTINGS.map((setting) => ({ ...setting, ...readSubmittedField(form, setting.name, setting.textOf(before)) })).filter(
    ({ isChanged }) => isChanged,
  );
  const texts = new Map(changes.map(({ name, text }) => [name, text]));
  const location = `/console/connections/${stored.id}`;
  if (changes.length === 0) return { location, notice: { kind: 'good', text: 'Nothing has changed.' } };
  const overtaken = changes.filter(({ isOvertaken }) => isOvertaken).map(({ name }) => name);
  if (overtaken.length > 0) return await page(visit, before, { texts, overtaken, message: OVERTAKEN });
  try {
    const request = Object.fromEntries(changes.map(({ property, text }) => [property, text])) as ConnectionChangeRequest;
    await changeConnection(context, stored, request, caller.name);
  } catch (error) {
    if (!isAppError(error) || error.code === 'internal') throw error;
    return await page(visit, before, { texts, overtaken, message: withoutCalls(error.message) });
  }
  return { location, notice: { kind: 'good', text: 'The settings are saved.' } };
}

const OVERTAKEN =
  'Nothing is saved: another operator has changed the same settings since you opened this page. Check them, and save again to replace them.';

async function test(visit: Visit): Promise<SeeOther> {
  const found = await requireNamed(visit);
  const text = await testConnection(visit.context, found);
  return { location: `/console/connections/${found.id}`, notice: { kind: 'good', text } };
}

async function end(visit: Visit): Promise<SeeOther> {
  const { context, caller, form } = visit;
  const found = await requireNamed(visit);
  const text = await disconnect(context, found, form.get('force') === 'yes', caller.name);
  return { location: `/console/connections/${found.id}`, notice: { kind: 'good', text } };
}
