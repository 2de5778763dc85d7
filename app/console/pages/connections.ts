import { createConnectLink } from '../../actions/connect-links.ts';
import { connectUnattended } from '../../actions/connect-unattended.ts';
import { requireConnection } from '../../actions/require-connection.ts';
import type { Context } from '../../context.ts';
import type { Quota } from '../../core/quota.ts';
import type { ListedConnection } from '../../store/connection-list.ts';
import { readConnections } from '../attention.ts';
import { html } from '../html.ts';
import { connectionTable } from '../parts/connection-table.ts';
import { returnAddress } from '../return-address.ts';
import type { Page, Route, SeeOther, Visit } from '../route.ts';

/** The connections to orgs, and the logins that its buttons start. */
export const connections: readonly Route[] = [
  { method: 'GET', path: '/connections', handle: page },
  { method: 'POST', path: '/connect', handle: async (visit) => startLogin(visit, visit.form.get('login_url') || undefined) },
  { method: 'POST', path: '/connections/:id/reconnect', handle: reconnect },
];

async function page(visit: Visit): Promise<Page> {
  const found = await readConnections(visit);
  const body =
    found.length === 0
      ? html`<section class="card empty"><p>No Salesforce org is connected yet.</p><p><a href="/console">How to start</a></p></section>`
      : html`<section class="card scroll" tabindex="0">${connectionTable(visit, found, await readQuotas(visit.context, found))}</section>`;
  return { title: 'Connections', body };
}

/** The quotas of the connections' orgs, by org. */
export async function readQuotas({ calls }: Context, found: readonly ListedConnection[]): Promise<Map<string, Quota>> {
  const orgs = [...new Set(found.map(({ orgId }) => orgId))];
  return new Map(await Promise.all(orgs.map(async (orgId) => [orgId, await calls.quota(orgId)] as const)));
}

/** Where the user of this machine, who has no API key, starts a login. */
export function localLogin(loginUrl: string | undefined): string {
  return `/oauth/start${loginUrl ? `?${new URLSearchParams({ login_url: loginUrl })}` : ''}`;
}

/** Opens the page on which a login at Salesforce starts, as by a connect link that is sent to an admin. */
async function startLogin({ context, caller, origin }: Visit, loginUrl: string | undefined, orgId?: string): Promise<SeeOther> {
  if (context.config.http.keyless) return { location: localLogin(loginUrl) };
  const { url } = await createConnectLink(context, origin(), { loginUrl, orgId }, caller.name);
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
