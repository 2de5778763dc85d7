import { formatChangeDetails } from '../../core/change-details.ts';
import { type AuditRow, listChanges } from '../../store/audit.ts';
import { formatBound, moment } from '../format.ts';
import { type Content, html, type Markup } from '../html.ts';
import type { Page, Route, Visit } from '../route.ts';

/** Who changed what. */
export const activity: readonly Route[] = [{ method: 'GET', path: '/activity', requires: 'operate', handle: page }];

const PAGE_SIZE = 50;

async function page({ context, query }: Visit): Promise<Page> {
  const before = /^[1-9]\d{0,14}$/.exec(query.get('before') ?? '')?.[0];
  const found = await listChanges(context.database, PAGE_SIZE + 1, before === undefined ? undefined : Number(before));
  const shown = found.slice(0, PAGE_SIZE);
  const earlier = found.length > PAGE_SIZE ? html`<a href=${`/console/activity?before=${shown.at(-1)!.id}`}>Earlier changes</a>` : null;
  const latest = before === undefined ? null : html`<a href="/console/activity">Latest changes</a>`;
  return {
    title: 'Activity',
    heading: html`<span class="sub">Who changed what, in the last 400 days</span>`,
    body:
      shown.length === 0
        ? html`<section class="card empty"><p>${before === undefined ? 'Nothing has been changed yet.' : 'There are no earlier changes.'}</p>${latest}</section>`
        : html`<section class="card"><div class="scroll" tabindex="0">${changeTable(shown)}</div>
          ${earlier || latest ? html`<nav class="paging" aria-label="Pages"><span>${latest}</span>${earlier}</nav>` : null}</section>`,
  };
}

function changeTable(changes: readonly AuditRow[]): Markup {
  return html`<table>
    <thead><tr><th>When (UTC)</th><th>What</th><th>Concerns</th><th class="wide">Details</th></tr></thead>
    <tbody>${changes.map(
      (change) => html`<tr>
        <td>${moment(change.at, formatBound(change.at))}</td>
        <td class="whole"><b>${change.action.replaceAll('_', ' ')}</b><span class="why">by ${change.by}</span></td>
        <td class="whole">${subject(change)}</td>
        <td class="wide mono">${summarize(change.details)}</td>
      </tr>`,
    )}</tbody>
  </table>`;
}

/** Links to what a change concerns. It may have been deleted since. */
function subject({ jobId, objectName, runId, connectionId }: AuditRow): Content {
  const links = [
    ...(jobId ? [html`<a href=${`/console/jobs/${jobId}`}>${objectName ?? 'job'}</a>`] : []),
    ...(runId ? [html`<a href=${`/console/runs/${runId}`}>run</a>`] : []),
    ...(connectionId && !jobId ? [html`<a href=${`/console/connections/${connectionId}`}>${`connection ${connectionId}`}</a>`] : []),
  ];
  return links.flatMap((link, index) => (index > 0 ? [', ', link] : [link]));
}

const MAX_SUMMARY = 240;

function summarize(details: Readonly<Record<string, unknown>>): string {
  const text = formatChangeDetails(details);
  return text.length > MAX_SUMMARY ? `${text.slice(0, MAX_SUMMARY)}…` : text;
}
