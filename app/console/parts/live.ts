import { type Content, html, type Markup } from '../html.ts';
import type { Visit } from '../route.ts';

/** What the address of a live part says besides its search: when its page was read, in milliseconds since 1970. */
export const OPENED_AT = 'opened_at';

/**
 * A part of a page that stays current. Where it cannot, because the connection is lost, the service refuses it, or what it shows was deleted,
 * it says so.
 * @param path of the live route, below /console
 */
export function live({ shared }: Visit, path: string, content: Content): Markup {
  const url = `/console${path}${path.includes('?') ? '&' : '?'}${OPENED_AT}=${shared.sinceMs}`;
  return html`<div data-live-frame>
    <p class="lost" role="status">The connection to the service is lost. What you see is from <span data-since></span>; the page keeps trying.</p>
    <p class="refused" role="status">This page is not updated, because too many are open at once. What you see is from <span data-since></span>. Close other pages, or <a href="">reload this one</a>.</p>
    <p class="missing" role="status">This no longer exists: it was deleted, or is no longer kept. What you see is from <span data-since></span>. <a href="/console/jobs">All jobs</a></p>
    <div data-live hx-sse:connect=${url} hx-swap="innerMorph" hx-sync="drop">${content}</div>
  </div>`;
}
