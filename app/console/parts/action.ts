import { type Content, html, type Markup } from '../html.ts';
import type { Visit } from '../route.ts';
import { FORM_TOKEN } from '../session/form-tokens.ts';

/** A button that does something. */
export interface Action {
  label: string;
  /** where its form is sent, below /console */
  path: string;
  /** what it sends with it */
  fields?: Readonly<Record<string, string>>;
  look?: 'primary' | 'danger';
}

/** A form with a button; nothing if the caller may not use it. @param inputs visible fields before the button */
export function action(visit: Visit, { label, path, fields = {}, look }: Action, inputs?: Content): Markup | null {
  if (!visit.can.operate) return null;
  return html`<form class="inline" method="post" action=${`/console${path}`}>
    ${hiddenFields(visit, fields)}${inputs}
    <button class=${`button${look ? ` ${look}` : ''}`}>${label}</button>
  </form>`;
}

/** What every form of a page sends: the session's token, and the page itself, to which a refused action leads back. */
export function hiddenFields(visit: Visit, fields: Readonly<Record<string, string>> = {}): Markup[] {
  const query = visit.query.size > 0 ? `?${visit.query}` : '';
  return Object.entries({ [FORM_TOKEN]: visit.formToken, back: `/console${visit.page}${query}`, ...fields }).map(
    ([name, value]) => html`<input type="hidden" name=${name} value=${value} />`,
  );
}
