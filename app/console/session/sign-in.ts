import type Koa from 'koa';
import { AppError } from '../../errors.ts';
import { html } from '../html.ts';
import { renderSingle } from '../layout.ts';
import { readForm } from '../read-form.ts';
import { seeOther, sendHtml } from '../response.ts';
import type { Entrance } from './entrance.ts';
import { FORM_TOKEN, requireSignInToken, signInToken } from './form-tokens.ts';
import { returnAddress, SIGN_IN_PATH } from './return-address.ts';
import { startSession } from './sessions.ts';
import type { Signer } from './signer.ts';

/** The address of the sign-in page. @param next where it leads afterwards @param why fields that explain it */
export function signInUrl(next: string, why: { ended?: 'yes'; unchanged?: 'yes' } = {}): string {
  const query = new URLSearchParams({ ...why, ...(next !== '/console' && { next }) });
  return query.size > 0 ? `${SIGN_IN_PATH}?${query}` : SIGN_IN_PATH;
}

/** Of the form, which is read before any key is checked. */
const MAX_SIGN_IN_BYTES = 4 * 1024;

/** Serves the sign-in page and its form. @returns whether the request is for it */
export async function serveSignIn(ctx: Koa.Context, signer: Signer, entrance: Entrance): Promise<boolean> {
  if (ctx.path !== SIGN_IN_PATH) return false;
  if (ctx.method === 'POST') await signIn(ctx, signer, entrance);
  else if (['GET', 'HEAD'].includes(ctx.method)) showForm(ctx, signer, new URLSearchParams(ctx.querystring));
  else throw new AppError('method_not_allowed', 'The sign-in page supports only GET and POST.');
  return true;
}

/** Starts a session if the key is known. Only its name is kept in the browser. */
async function signIn(ctx: Koa.Context, signer: Signer, entrance: Entrance): Promise<void> {
  const form = await readForm(ctx, MAX_SIGN_IN_BYTES);
  requireSignInToken(ctx, signer, form);
  ctx.state.showError = (error: AppError) => showForm(ctx, signer, form, error);
  const key = await entrance.keyOf(form.get('key')?.trim() ?? '', ctx.ip);
  if (key.role === 'tick') {
    throw new AppError('forbidden', 'This key is for the schedule only. Sign in with a key of role read, data, operate or admin.');
  }
  startSession(ctx, signer, key, new Date());
  seeOther(ctx, returnAddress(form.get('next')));
}

/** @param fields `next`: where it leads afterwards; `ended`: the page there has found that its session has ended; `unchanged`: so its form did nothing */
function showForm(ctx: Koa.Context, signer: Signer, fields: URLSearchParams, error?: AppError): void {
  const body = html`<h1>Sign in</h1>
    ${error ? html`<p class="notice bad" role="alert" id="why"><span aria-hidden="true">!</span> ${error.message}</p>` : null}
    ${fields.has('ended') ? html`<p class="notice bad" role="status"><span aria-hidden="true">!</span> Your session has ended. ${fields.has('unchanged') ? 'Nothing has changed. ' : ''}Sign in again to return to the page that you had open.</p>` : null}
    <form method="post" action=${SIGN_IN_PATH} class="stack">
      <input type="hidden" name=${FORM_TOKEN} value=${signInToken(ctx, signer)} />
      <input type="hidden" name="next" value=${returnAddress(fields.get('next'))} />
      <label for="key">API key</label>
      <input id="key" name="key" type="password" required autofocus autocomplete="current-password" spellcheck="false" maxlength="512" aria-describedby=${error ? 'why' : 'what'} />
      <p id="what" class="sub">One of the keys in API_KEYS. Its role decides what you see: read and operate see no values of records, read and data change nothing. You stay signed in for 12 hours.</p>
      <button class="button primary">Sign in</button>
    </form>`;
  sendHtml(ctx, renderSingle('Sign in', body), error?.status ?? 200);
}
