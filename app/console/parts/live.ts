import { type Content, html, type Markup } from '../html.ts';

/**
 * A part of a page that stays current. Where it cannot, because scripts are off or the connection is lost, it says so.
 * @param path of the live route, below /console
 */
export function live(path: string, content: Content): Markup {
  return html`<div data-live-frame>
    <p class="lost" role="status">The connection to the service is lost. What you see is from <span data-since></span>; the page keeps trying.</p>
    <div data-live hx-sse:connect=${`/console${path}`} hx-swap="innerMorph">${content}</div>
  </div>`;
}
