import type { Quota } from '../../core/connections/quota.ts';
import type { ListedConnection } from '../../store/connections/connection-list.ts';
import { count, formatNumber, relative } from '../format.ts';
import { html, type Markup } from '../html.ts';
import type { Visit } from '../route.ts';
import { connectionName } from './alerts.ts';
import { bar } from './bar.ts';
import { type Meaning, pill } from './pill.ts';
import { reconnection } from './reconnection.ts';

/** The state of a connection. */
export const CONNECTION_STATUS: Record<ListedConnection['status'], { meaning: Meaning; label: string }> = {
  active: { meaning: 'good', label: 'connected' },
  needs_login: { meaning: 'bad', label: 'needs login' },
  disconnected: { meaning: 'neutral', label: 'disconnected' },
};

/** How a connection logs in. */
export const FLOWS: Record<ListedConnection['flow'], string> = {
  browser: 'by a user',
  client_credentials: 'client credentials',
  jwt_bearer: 'JWT assertion',
};

/** At this share of an org's calls, the bar warns: at 90 %, imports stop. */
const WARN_SHARE = 0.8;

/** The connections, with the calls to their orgs. @param quotas by org */
export function connectionTable(visit: Visit, connections: readonly ListedConnection[], quotas: ReadonlyMap<string, Quota>): Markup {
  return html`<table>
    <thead><tr><th>Org</th><th>State</th><th class="num wide">Jobs</th><th class="wide">Last login</th><th>API calls in 24 hours</th>${visit.can.operate ? html`<th><span class="hidden">Actions</span></th>` : null}</tr></thead>
    <tbody>${connections.map((connection) => {
      const { meaning, label } = CONNECTION_STATUS[connection.status];
      const host = new URL(connection.instanceUrl).host;
      return html`<tr>
        <td class="org"><a href=${`/console/connections/${connection.id}`}><b>${connectionName(connection)}</b></a> ${connection.isSandbox ? html`<span class="sub">sandbox</span>` : null}
          <span class="why">${host}<span class="wide"> · ${connection.username ?? 'unknown user'} · ${FLOWS[connection.flow]}</span></span></td>
        <td>${pill(meaning, label)}</td>
        <td class="num wide"><a href=${`/console/jobs?connection=${connection.id}`}>${formatNumber(connection.jobs)}</a></td>
        <td class="wide">${relative(connection.grantedAt, visit.now)}</td>
        <td class="quota">${quotaBar(connection, quotas.get(connection.orgId), visit.context.config.apiShare)}</td>
        ${visit.can.operate ? html`<td class="num">${connection.status === 'active' ? null : reconnection(visit, connection)}</td>` : null}
      </tr>`;
    })}</tbody>
  </table>`;
}

/** The calls to a connection's org in the last 24 hours. @param defaultShare that of API_SHARE */
export function quotaBar({ apiShare }: ListedConnection, quota: Quota | undefined, defaultShare: number): Markup {
  const own = quota?.ownCalls ?? 0;
  if (!quota?.reported)
    return html`<span class="sub">${count(own, 'call')} by this service; the org has not reported its limit lately</span>`;
  const { used, limit } = quota.reported;
  const allowed = Math.floor(limit * (apiShare ?? defaultShare));
  const ownShare = Math.min(own, used) / limit;
  const text = `${percent(used / limit)} of the org’s ${formatNumber(limit)} used; ${formatNumber(own)} by this service, which may use ${formatNumber(allowed)}`;
  const parts = [
    { share: ownShare, kind: 'own' as const },
    { share: used / limit - ownShare, kind: 'others' as const },
  ];
  return html`${bar(parts, text, used / limit >= WARN_SHARE)}<span class="why">${text}</span>` as Markup;
}

function percent(share: number): string {
  return share > 0 && share < 0.01 ? 'under 1 %' : `${Math.round(share * 100)} %`;
}
