import type { ListedConnection } from '../../store/connections/connection-list.ts';
import { html, type Markup } from '../html.ts';
import type { Visit } from '../route.ts';
import { action } from './action.ts';

/** Where the user of this machine, who has no API key, starts a login. */
export function localLogin(loginUrl: string | undefined): string {
  return `/oauth/start${loginUrl ? `?${new URLSearchParams({ login_url: loginUrl })}` : ''}`;
}

/** The button that connects a user again; nothing if the caller may not. */
export function reconnection(visit: Visit, { id, flow, loginUrl }: ListedConnection): Markup | null {
  // The policy that protects forms also refuses their redirects to other sites; a link may lead to Salesforce.
  if (visit.context.config.http.keyless && flow === 'browser') {
    return html`<a class="button primary" href=${localLogin(loginUrl)}>Connect again</a>`;
  }
  return action(visit, { label: 'Connect again', path: `/connections/${id}/reconnect`, look: 'primary' });
}
