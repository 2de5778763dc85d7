import { VERSION } from '../version.ts';
import { documentTitle } from './document-title.ts';
import { type Content, html, type Markup, render } from './html.ts';
import { isAt, NAVIGATION } from './navigation.ts';
import { attentionBadge } from './parts/attention-badge.ts';
import type { Notice, Page, SlowPage, Visit } from './route.ts';
import { FORM_TOKEN } from './session/form-tokens.ts';
import { staticUrl } from './static-files.ts';

/** What htmx may do: nothing that needs eval, which the Content-Security-Policy forbids as well, and no style of its own. */
const HTMX = JSON.stringify({
  extensions: 'sse',
  includeIndicatorCSS: false,
  history: false,
  // A live part keeps what it shows if it cannot be renewed, and what the user has opened.
  noSwap: [204, 304, '4xx', '5xx'],
  morphIgnore: ['data-htmx-powered', 'open'],
  // Buttons do not change while they have the focus, or while their menu is open.
  morphSkip: 'header .push:is(:focus-within, :has([open]))',
});

/** What surrounds a page. */
export interface Frame {
  visit: Visit;
  /** false without keys: there is nothing to sign out of */
  canSignOut: boolean;
  /** how many things need a person: also in the tab's title */
  attention: number;
  notice: Notice | undefined;
}

/** A page with the menu. */
export function renderPage({ title, tab, heading, body }: Page, frame: Frame): string {
  const { visit, canSignOut, attention, notice } = frame;
  const { caller } = visit;
  return renderDocument(
    documentTitle(tab ?? title, attention),
    html`<div class="shell">
      <a class="skip" href="#main">Skip to content</a>
      <div class="side">
        <a class="brand" href="/console">${ICON}<b>Salesforce → BigQuery</b></a>
        <nav class="nav" aria-label="Main">
          ${NAVIGATION.filter(({ requires }) => !requires || visit.can[requires]).map(
            (place) =>
              html`<a href=${`/console${place.path}`} aria-current=${isAt(place, visit.page) ? 'page' : undefined}>${place.name}${
                place.path === '' ? attentionBadge(attention, false) : null
              }</a>`,
          )}
        </nav>
        <div class="who">
          <span><b>${caller.name}</b> <span class="sub">${caller.role}</span></span>
          ${canSignOut ? html`<form method="post" action="/console/sign-out"><input type="hidden" name=${FORM_TOKEN} value=${visit.formToken} /><button class="link">Sign out</button></form>` : null}
          <small>v${VERSION} · <a href="/docs">API</a></small>
        </div>
      </div>
      <main id="main" tabindex="-1">
        ${notice ? html`<p class=${`notice ${notice.kind}`} role="status"><span aria-hidden="true">${notice.kind === 'good' ? '✓' : '!'}</span> ${notice.text}</p>` : null}
        <header class="page"><h1>${title}</h1>${heading}</header>
        ${body}
      </main>
    </div>`,
  );
}

/** Marks where the rows of a slow page go. */
const ROWS = html`<template data-rows></template>`;

/** A slow page with the menu, in parts. */
export async function* renderSlowPage({ title, heading, body, rows }: SlowPage, frame: Frame): AsyncGenerator<string> {
  const [before, after] = renderPage({ title, heading, body: body(ROWS) }, frame).split(render(ROWS));
  yield before!;
  for await (const row of rows) yield render(row);
  yield after!;
}

/** A page without the menu, in the middle of the window. */
export function renderSingle(title: string, body: Content): string {
  return renderDocument(
    documentTitle(title, 0),
    html`<main id="main" class="single"><p class="brand">${ICON}<b>Salesforce → BigQuery</b></p>${body}</main>`,
  );
}

const ICON = html`<img src=${staticUrl('icon.svg')} alt="" width="20" height="20" />`;

function renderDocument(title: string, body: Markup): string {
  const page = html`<html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="htmx-config" content=${HTMX} />
      <title>${title}</title>
      <link rel="icon" href=${staticUrl('icon.svg')} />
      <link rel="stylesheet" href=${staticUrl('console.css')} />
      <script src=${staticUrl('console.js')} defer></script>
      <script src=${staticUrl('htmx.js')} defer></script>
    </head>
    <body>${body}</body>
  </html>`;
  return `<!doctype html>\n${render(page)}\n`;
}
