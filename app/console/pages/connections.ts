import { createConnectLink, createOwnConnectLink, revokeLink } from '../../actions/connections/connect-links.ts';
import { connectUnattended } from '../../actions/connections/connect-unattended.ts';
import { requireConnection } from '../../actions/connections/require-connection.ts';
import type { Context } from '../../context.ts';
import type { Quota } from '../../core/connections/quota.ts';
import { sum } from '../../core/sum.ts';
import { type ConnectLink, listConnectLinks } from '../../store/connections/connect-links.ts';
import { countConnections, type ListedConnection, listConnections } from '../../store/connections/connection-list.ts';
import { count, formatBound, formatNumber, moment, relative } from '../format.ts';
import { type Content, html, type Markup } from '../html.ts';
import { action } from '../parts/action.ts';
import { asCurl, curlOf } from '../parts/as-text.ts';
import { CONNECTION_STATUS, connectionTable } from '../parts/connection-table.ts';
import { type Meaning, pill } from '../parts/pill.ts';
import { localLogin } from '../parts/reconnection.ts';
import type { Page, Route, SeeOther, Visit } from '../route.ts';
import { returnAddress } from '../session/return-address.ts';

/** The connections to orgs, the logins that its buttons start, and the links with which admins connect their orgs themselves. */
export const connections: readonly Route[] = [
  { method: 'GET', path: '/connections', handle: page },
  { method: 'POST', path: '/connect', handle: async (visit) => startLogin(visit, visit.form.get('login_url') || undefined) },
  { method: 'POST', path: '/connections/:id/reconnect', handle: reconnect },
  { method: 'POST', path: '/connect-links', handle: createLink },
  { method: 'POST', path: '/connect-links/:id/revoke', handle: revoke },
];

async function page(visit: Visit): Promise<Page> {
  const { context, can } = visit;
  const status = readStatus(visit);
  const [part, counts, { links }] = await Promise.all([
    readPart(visit, status),
    countConnections(context.database),
    can.operate ? listConnectLinks(context.database, { limit: MAX_LINKS, after: undefined }) : { links: [] },
  ]);
  const { found } = part;
  const all = sum(Object.values(counts));
  const list =
    all === 0
      ? html`<section class="card empty"><p>No Salesforce org is connected yet.</p></section>`
      : found.length === 0
        ? html`<section class="card empty"><p>There is no such connection. <a href="/console/connections">Show the first ones</a></p></section>`
        : html`<section class="card scroll" tabindex="0">${connectionTable(visit, found, await readQuotas(context, found))}${paging(part, status)}</section>`;
  const body = html`<div>
    ${all > (counts.active ?? 0) ? stateFilter(status, counts, all) : null}
    ${list}
    ${can.operate ? html`<h2 id="connect">Connect an org</h2><section class="card">${loginChoices(visit)}${linkChoice(visit)}</section>` : null}
    ${links.length > 0 ? html`<h2>Links for admins</h2><section class="card scroll" tabindex="0">${linkTable(visit, links)}</section>` : null}
  </div>`;
  const heading = [
    all > PAGE_SIZE ? html`<span class="sub">${count(all, 'connection')}</span>` : null,
    can.operate && all > 0 ? CONNECT : null,
  ];
  return { title: 'Connections', heading, body };
}

/** Connections on a page. The calls to the org of each are read by themselves. */
const PAGE_SIZE = 50;

/** A part of the list, in order of the first login, and whether more come before and after it. */
interface Part {
  found: ListedConnection[];
  hasPrevious: boolean;
  hasNext: boolean;
}

type Status = ListedConnection['status'];

/** The state whose connections are listed; undefined: all are. */
function readStatus({ query }: Visit): Status | undefined {
  const wanted = query.get('state');
  return (Object.keys(CONNECTION_STATUS) as Status[]).find((status) => status === wanted);
}

/** The address of a part of the list. */
function partUrl(status: Status | undefined, from: Record<string, string> = {}): string {
  const query = new URLSearchParams({ ...(status && { state: status }), ...from });
  return `/console/connections${query.size > 0 ? `?${query}` : ''}`;
}

function stateFilter(shown: Status | undefined, counts: Partial<Record<Status, number>>, all: number): Markup {
  const chip = (name: string, status: Status | undefined, connections: number): Markup =>
    html`<a href=${partUrl(status)} aria-current=${status === shown ? 'true' : undefined}>${name} ${formatNumber(connections)}</a>`;
  const states = (Object.keys(CONNECTION_STATUS) as Status[]).filter((status) => counts[status] || status === shown);
  const chips = states.map((status) => chip(capitalize(CONNECTION_STATUS[status].label), status, counts[status] ?? 0));
  return html`<nav class="chips" aria-label="State">${chip('All', undefined, all)}${chips}</nav>`;
}

function capitalize(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

async function readPart({ context: { database }, query }: Visit, status: Status | undefined): Promise<Part> {
  const id = (name: string): number => Number(/^\d{1,15}$/.exec(query.get(name) ?? '')?.[0] ?? 0);
  const [after, before] = [id('after'), id('before')];
  // One more than is shown: whether there is another page.
  const limit = PAGE_SIZE + 1;
  if (before > 0) {
    const found = await listConnections(database, { limit, before, status });
    return { found: found.slice(-PAGE_SIZE), hasPrevious: found.length > PAGE_SIZE, hasNext: true };
  }
  const found = await listConnections(database, { limit, after, status });
  return { found: found.slice(0, PAGE_SIZE), hasPrevious: after > 0, hasNext: found.length > PAGE_SIZE };
}

function paging({ found, hasPrevious, hasNext }: Part, status: Status | undefined): Content {
  if (!hasPrevious && !hasNext) return null;
  const link = (name: string, { id }: ListedConnection, text: string): Markup =>
    html`<a href=${partUrl(status, { [name]: String(id) })}>${text}</a>`;
  return html`<nav class="paging" aria-label="Pages"><span></span>
    <span class="push">${hasPrevious ? link('before', found[0]!, 'Previous') : null}${hasNext ? link('after', found.at(-1)!, 'Next') : null}</span>
  </nav>`;
}

const CONNECT = html`<span class="push"><a class="button primary" href="#connect">Connect an org</a></span>`;

/** The newest are shown; the others have been used, or have expired. */
const MAX_LINKS = 20;

/** The login hosts with an app, each with a button. */
function loginChoices(visit: Visit): Markup[] {
  const { config } = visit.context;
  return config.salesforce.apps.map(({ loginUrl }) => {
    const button = config.http.keyless
      ? html`<a class="button" href=${localLogin(loginUrl)}>Log in</a>`
      : action(visit, { label: 'Log in', path: '/connect', fields: { login_url: loginUrl } });
    return html`<div class="verdict"><span class="grow"><b>${kindOf(loginUrl)}</b> <span class="mono">${new URL(loginUrl).host}</span></span>${button}</div>`;
  });
}

/** What logs in at a login host. */
function kindOf(loginUrl: string): string {
  const { host } = new URL(loginUrl);
  if (host === 'login.salesforce.com') return 'Production';
  if (host === 'test.salesforce.com' || host.includes('.sandbox.')) return 'Sandbox';
  return 'My Domain';
}

function linkChoice(visit: Visit): Markup {
  const { apps } = visit.context.config.salesforce;
  const inputs = html`<span class="fields">
    ${apps.length > 1 ? html`<label>Login at <select name="login_url">${apps.map(({ loginUrl }) => html`<option value=${loginUrl}>${new URL(loginUrl).host}</option>`)}</select></label>` : null}
    <label>Only the org <input type="text" name="org_id" maxlength="18" placeholder="00D…, any by default" autocomplete="off" spellcheck="false" /></label>
  </span>`;
  return html`<div class="choice linked"><p><b>Another person’s org.</b> Send its admin a link: it works once, for 72 hours, and needs no API key. The admin logs in and chooses Allow.</p>
    ${action(visit, { label: 'Create a link', path: '/connect-links' }, inputs)}
    <p class="fields">Another login host needs an External Client App of its org, in SALESFORCE_APPS.</p>
    ${asCurl('link-as-curl', curlOf(visit, { method: 'POST', path: '/v1/connect-links', fields: apps.slice(0, 1).map(({ loginUrl }) => ['login_url', loginUrl] as const) }))}</div>`;
}

const LINK_STATES: Record<ConnectLink['state'], Meaning> = { open: 'live', used: 'good', revoked: 'neutral', expired: 'neutral' };

function linkTable(visit: Visit, links: readonly ConnectLink[]): Markup {
  return html`<table>
    <thead><tr><th>Created</th><th>State</th><th class="wide">Login at</th><th class="wide">Org</th><th class="wide">By</th><th><span class="hidden">Actions</span></th></tr></thead>
    <tbody>${links.map(
      ({ id, state, createdAt, expiresAt, usedAt, loginUrl, orgId, createdBy }) => html`<tr>
        <td>${relative(createdAt, visit.now)}</td>
        <td>${pill(LINK_STATES[state], state)} <span class="why">${state === 'open' ? html`<span>until ${moment(expiresAt)}</span>` : usedAt ? moment(usedAt) : null}</span></td>
        <td class="wide">${new URL(loginUrl).host}</td>
        <td class="wide mono">${orgId ?? 'any'}</td>
        <td class="wide">${createdBy}</td>
        <td class="num">${state === 'open' ? action(visit, { label: 'Revoke', path: `/connect-links/${id}/revoke`, look: 'danger' }) : null}</td>
      </tr>`,
    )}</tbody>
  </table>`;
}

/** The link is part of this response and nothing else: neither of a cookie nor of an address. */
async function createLink({ context, caller, form, origin }: Visit): Promise<Page> {
  const wanted = { loginUrl: form.get('login_url') || undefined, orgId: form.get('org_id')?.trim() || undefined };
  const { link, url } = await createConnectLink(context, origin(), wanted, caller.name);
  return {
    title: 'A link for an admin',
    body: html`<section class="card pad stack-fields">
      <p>Send this link to the admin of the org. It is shown only now, works once, and until ${formatBound(link.expiresAt)} UTC.</p>
      <pre id="connect-link" class="mono once">${url}</pre>
      <p><button class="button primary" type="button" data-copy="connect-link">Copy</button> <a class="button" href="/console/connections">Done</a></p>
    </section>`,
  };
}

async function revoke({ context, caller, params }: Visit): Promise<SeeOther> {
  await revokeLink(context, params.id!, caller.name);
  return { location: '/console/connections', notice: { kind: 'good', text: 'The link is revoked: it opens no login any more.' } };
}

/** The quotas of the connections' orgs, by org. */
export async function readQuotas({ calls }: Context, found: readonly ListedConnection[]): Promise<Map<string, Quota>> {
  const orgs = [...new Set(found.map(({ orgId }) => orgId))];
  return new Map(await Promise.all(orgs.map(async (orgId) => [orgId, await calls.quota(orgId)] as const)));
}

/** Opens the page on which a login at Salesforce starts, as by a connect link that is sent to an admin. */
async function startLogin({ context, caller, origin }: Visit, loginUrl: string | undefined, orgId?: string): Promise<SeeOther> {
  if (context.config.http.keyless) return { location: localLogin(loginUrl) };
  const { url } = await createOwnConnectLink(context, origin(), { loginUrl, orgId }, caller.name);
  return { location: new URL(url).pathname };
}

async function reconnect(visit: Visit): Promise<SeeOther> {
  const { context, caller, params, form } = visit;
  const { flow, username, loginUrl, orgId } = await requireConnection(context, params.id!, 'The connection in the path');
  if (flow === 'browser') return await startLogin(visit, loginUrl, orgId);
  const login = flow === 'jwt_bearer' ? { flow, username: username! } : { flow };
  await connectUnattended(context, login, loginUrl, caller.name);
  return {
    location: returnAddress(form.get('back')),
    notice: { kind: 'good', text: 'Connected again. The jobs that waited continue now.' },
  };
}
