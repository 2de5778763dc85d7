import { CALLBACK_PATH } from '../../actions/connect-browser.ts';
import { html } from '../html.ts';
import type { Page, Route, Visit } from '../route.ts';

/** The first page. */
export const overview: readonly Route[] = [{ method: 'GET', path: '/', handle: async (visit) => page(visit) }];

function page({ context, can, origin }: Visit): Page {
  const { apps } = context.config.salesforce;
  const buttons = apps.map(
    ({ loginUrl }) =>
      html`<p><a class="button primary" href=${`/oauth/start?${new URLSearchParams({ login_url: loginUrl })}`}>Connect ${new URL(loginUrl).host}</a></p>`,
  );
  return {
    title: 'Overview',
    body: html`<section class="card empty">
      <p>No Salesforce org is connected yet.</p>
      ${context.config.http.keyless && can.operate ? [buttons, html`<p>The External Client App in that org needs the callback URL <code>${origin()}${CALLBACK_PATH}</code>.</p>`] : null}
    </section>`,
  };
}
