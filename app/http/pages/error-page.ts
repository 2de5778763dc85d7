import type { AppError } from '../../errors.ts';
import { html } from './html.ts';
import type { Page } from './page.ts';

/** An error, for a person in a browser. */
export function errorPage({ message }: AppError): Page {
  return {
    title: 'Not possible',
    body: html`<h1 class="bad">That did not work</h1>
<p>${message}</p>`,
  };
}
