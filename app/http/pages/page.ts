import { createHash } from 'node:crypto';
import type Koa from 'koa';
import { Html, html } from './html.ts';

/** A page, complete without scripts, images, fonts or any other request. */
export interface Page {
  title: string;
  body: Html;
  /** where its form may lead, by redirects too, as sources of a Content Security Policy */
  formTargets?: readonly string[];
  /** rules of its own, after those of all pages */
  style?: string;
  /** reloads it after this many seconds */
  refreshSeconds?: number;
}

const STYLE = `
:root { color-scheme: light dark; --text: light-dark(#1d2129, #e6e8ec); --muted: light-dark(#5a6372, #a2abb9); --page: light-dark(#f4f6f8, #14171c);
  --card: light-dark(#fff, #1d2129); --line: light-dark(#dde2e8, #343b46); --accent: light-dark(#0b5cab, #6db3f8); --on-accent: light-dark(#fff, #0d1620);
  --good: light-dark(#1a7f4b, #5ccf92); --bad: light-dark(#b3261e, #f2938c) }
* { box-sizing: border-box }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem; background: var(--page); color: var(--text);
  font: 1rem/1.6 system-ui, sans-serif }
main { width: 100%; max-width: 40rem; padding: clamp(1.5rem, 5vw, 2.5rem); background: var(--card); border: 1px solid var(--line); border-radius: .75rem }
.service { margin: 0 0 1.5rem; color: var(--muted); font-size: .875rem }
h1 { margin: 0 0 .75rem; font-size: 1.6rem; line-height: 1.25 }
h1.good { color: var(--good) } h1.bad { color: var(--bad) }
h2 { margin: 1.75rem 0 .5rem; font-size: 1.05rem }
p, ul, ol, dl, blockquote { margin: .75rem 0 }
ul, ol { padding-left: 1.25rem }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .35rem 1.25rem; padding: .9rem 1.1rem; border: 1px solid var(--line); border-radius: .5rem }
dt { color: var(--muted) } dd { margin: 0; overflow-wrap: anywhere }
blockquote { padding: .6rem 1rem; border-left: 3px solid var(--bad); background: var(--page); overflow-wrap: anywhere }
code { font: .9em ui-monospace, monospace; overflow-wrap: anywhere }
.note { color: var(--muted); font-size: .9rem }
a { color: var(--accent) }
.button { display: inline-block; padding: .65rem 1.4rem; border: 0; border-radius: .5rem; background: var(--accent); color: var(--on-accent);
  font: inherit; font-weight: 600; text-decoration: none; cursor: pointer }
.button:focus-visible, a:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px }
form { margin: 1.5rem 0 0 }
@media (max-width: 30rem) { dl { grid-template-columns: 1fr; gap: 0 } dd + dt { margin-top: .5rem } }
`;

/** Sends a page. It may contain nothing but its own style, is never cached or framed, and its address goes to no other site. */
export function sendPage(ctx: Koa.Context, page: Page, status = 200): void {
  ctx.status = status;
  ctx.type = 'html';
  const style = `${STYLE}${page.style ?? ''}`;
  ctx.set({
    'Cache-Control': 'no-store',
    'Content-Security-Policy': [
      `default-src 'none'`,
      `style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`,
      'img-src data:',
      `form-action ${(page.formTargets ?? [`'none'`]).join(' ')}`,
      `base-uri 'none'`,
      `frame-ancestors 'none'`,
    ].join('; '),
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
    'X-Robots-Tag': 'noindex',
    ...(page.refreshSeconds && { Refresh: String(page.refreshSeconds) }),
  });
  ctx.body = renderPage(page, style).text;
}

function renderPage({ title, body }: Page, style: string): Html {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${new Html(style)}</style>
</head>
<body>
<main>
<p class="service">Salesforce to BigQuery</p>
${body}
</main>
</body>
</html>
`;
}
