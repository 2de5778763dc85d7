import { html, type Markup } from '../html.ts';

/** What a state means. Each has its own mark, so that none relies on its color. */
export type Meaning = 'good' | 'warn' | 'bad' | 'live' | 'neutral';

/** A state in a word or two. */
export function pill(meaning: Meaning, text: string): Markup {
  return html`<span class=${`pill ${meaning}`}>${text}</span>`;
}
