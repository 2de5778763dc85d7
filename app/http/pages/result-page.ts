import type { LoginResult } from '../../core/connections/login-result.ts';
import { type Html, html } from './html.ts';
import type { Page } from './page.ts';

/** What each scope allows, in a user's words. */
const SCOPES: Record<string, string> = {
  api: 'read data through the API, as far as your user may see it',
  refresh_token: 'keep this access until it is revoked, without asking you again',
  offline_access: 'keep this access until it is revoked, without asking you again',
  id: 'see who you are: the ids of your org and user',
};

/** The last page of a login: what was connected, or what went wrong. @param isOperator whether it leads back to the console */
export function resultPage(result: LoginResult, isOperator: boolean): Page {
  return result.kind === 'connected' ? connectedPage(result, isOperator) : failedPage(result, isOperator);
}

/** While the login is being completed. */
export const UNFINISHED_PAGE: Page = {
  title: 'Connecting',
  refreshSeconds: 2,
  body: html`<h1>Connecting…</h1>
<p>The service is exchanging the code that Salesforce sent. This page reloads by itself.</p>`,
};

/** Of a login that this browser did not start, or whose time is over. */
export const UNKNOWN_PAGE: Page = {
  title: 'Login not found',
  body: html`<h1 class="bad">This login is not open</h1>
<p>Nothing was connected. A login must be completed in the browser that started it, once, and within ten minutes.</p>
<p>Start again where you started: with the button of the connect page, or the link that you received.</p>`,
};

const NEXT_FOR_OPERATORS = html`<p><a class="button" href="/console/jobs/new">Choose objects</a></p>
<p><a href="/console/connections">Back to the console</a></p>`;

const NEXT_FOR_ADMINS = html`<p>An operator of the service creates import jobs for this connection, by its name above, the <code>user_id</code>. You can close this page.</p>`;

function connectedPage({ userId, orgId, host, scopes }: Extract<LoginResult, { kind: 'connected' }>, isOperator: boolean): Page {
  return {
    title: 'Connected',
    body: html`<h1 class="good">Salesforce is connected</h1>
<dl>
<dt>Org</dt><dd>${host} <span class="note">(${orgId})</span></dd>
<dt>Connection</dt><dd><code>${userId}</code></dd>
</dl>
${scopes.length > 0 ? grantedList(scopes) : undefined}
<h2>What happens next</h2>
${isOperator ? NEXT_FOR_OPERATORS : NEXT_FOR_ADMINS}
${HOW_TO_REVOKE}`,
  };
}

function grantedList(scopes: readonly string[]): Html {
  const items = scopes.map(
    (scope) => html`<li><code>${scope}</code>${SCOPES[scope] && html`: ${SCOPES[scope]}`}</li>
`,
  );
  return html`<h2>What you granted</h2>
<ul>
${items}</ul>
<p class="note">The service only reads. All that it creates in your org are Bulk API query jobs, which it deletes again.</p>`;
}

/** Of External Client Apps and connected apps alike. */
const HOW_TO_REVOKE = html`<h2>How to revoke it</h2>
<p>An admin: in Setup, open <strong>Connected Apps OAuth Usage</strong>, find the app, and revoke this user’s access. You: in your personal settings, open
<strong>OAuth Connected Apps</strong> and revoke the app there. It takes effect at once, and the data that was imported stays in BigQuery.</p>`;

function failedPage({ words, message, loginUrl }: Extract<LoginResult, { kind: 'failed' }>, isOperator: boolean): Page {
  const said = html`<p>Salesforce said:</p>
<blockquote>${words ?? ''}</blockquote>`;
  const again =
    loginUrl === null
      ? html`<p class="note">Unless it has connected an org, has expired or was revoked, the link that you received can be opened again.</p>`
      : html`<p><a class="button" href="/oauth/start?login_url=${encodeURIComponent(loginUrl)}">Start again</a></p>`;
  return {
    title: 'Not connected',
    body: html`<h1 class="bad">Salesforce is not connected</h1>
${words === null ? undefined : said}
<p>${message}</p>
${again}
${isOperator ? html`<p><a href="/console/connections">Back to the console</a></p>` : undefined}`,
  };
}
