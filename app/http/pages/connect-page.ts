import type { ConnectLink } from '../../store/connections/connect-links.ts';
import { html } from './html.ts';
import type { Page } from './page.ts';

/** What a connect link shows. Only its button starts a login: mail scanners open links, too. */
export function connectPage({ loginUrl, orgId, expiresAt }: ConnectLink): Page {
  const { host, origin, protocol } = new URL(loginUrl);
  const org = html`<dt>Org</dt><dd><code>${orgId ?? ''}</code></dd>
`;
  return {
    title: 'Connect Salesforce',
    // Redirects of a form count as well, and the login page may lead on to a company's own.
    formTargets: [`'self'`, 'https:', ...(protocol === 'https:' ? [] : [origin])],
    body: html`<h1>Connect Salesforce to BigQuery</h1>
<p>You were asked to let this service copy records of your Salesforce org into BigQuery, for reporting.</p>
<dl>
<dt>You log in at</dt><dd><strong>${host}</strong></dd>
${orgId === null ? undefined : org}<dt>Link works until</dt><dd>${formatTime(expiresAt)}, once</dd>
</dl>
<h2>What you grant</h2>
<ul>
<li>The service reads the objects and fields that your user can see, so log in as a user who sees what is to be copied, and no more.</li>
<li>It keeps this access until you or an admin revokes it.</li>
<li>It changes nothing. All that it creates in your org are Bulk API query jobs, which it deletes again.</li>
</ul>
<form method="post"><button class="button">Continue to Salesforce</button></form>
<p class="note">Salesforce asks for your password on its own page, and for your consent. Check the address before you type it. If you did not expect
this, close the page: nothing has happened yet.</p>`,
  };
}

/** A time as 2026-11-30 09:15 UTC. */
function formatTime(time: Date): string {
  return `${time.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
