import { html } from './html.ts';
import type { Page } from './page.ts';

/** The first page on a developer's machine. @param loginUrls of the configured apps */
export function homePage(loginUrls: readonly string[], callbackUrl: string): Page {
  const buttons = loginUrls.map(
    (
      loginUrl,
    ) => html`<p><a class="button" href="/oauth/start?login_url=${encodeURIComponent(loginUrl)}">Connect ${new URL(loginUrl).host}</a></p>
`,
  );
  return {
    title: 'Salesforce to BigQuery',
    body: html`<h1>Connect a Salesforce org</h1>
<p>You log in at Salesforce and choose Allow. The service then reads what your user may see, and changes none of it.</p>
${buttons}<p class="note">The External Client App in that org needs the callback URL <code>${callbackUrl}</code>.</p>`,
  };
}
