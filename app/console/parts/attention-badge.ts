import { html, type Markup } from '../html.ts';

/** How many things need a person, in the menu. @param isUpdate whether it replaces that of the page */
export function attentionBadge(attention: number, isUpdate: boolean): Markup {
  return html`<span id="attention" class=${attention > 0 ? 'badge' : undefined} data-count=${attention} hx-swap-oob=${isUpdate ? 'outerMorph' : undefined}>${
    attention > 0 ? html`<span class="hidden">, needing attention: </span>${attention}` : null
  }</span>`;
}
