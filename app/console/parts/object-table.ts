import type { OrgObject } from '../../actions/connections/list-objects.ts';
import { count, formatNumber } from '../format.ts';
import { html, type Markup } from '../html.ts';
import { pill } from './pill.ts';

/** What of an org's objects is listed. */
export interface ObjectList {
  /** API names, listed first whatever the search is */
  selected: readonly string[];
  /** a part of their name or label; empty: all that are not empty */
  search: string;
  /** whether those without rows are listed as well */
  isAll: boolean;
  /** the address that lists all */
  allUrl: string;
}

/** More take a browser long, and no reader compares them. */
const MAX_SHOWN = 300;

/** The objects of an org, to select some. */
export function objectTable(objects: readonly OrgObject[], list: ObjectList): Markup {
  const { selected, search, isAll, allUrl } = list;
  const isSelected = ({ name }: OrgObject): boolean => selected.some((other) => other.toLowerCase() === name.toLowerCase());
  const wanted = search.toLowerCase();
  const isCounted = objects.some(({ rows }) => rows !== null);
  const matching = objects.filter(({ name, label, rows, known }) =>
    wanted ? `${name}\n${label}`.toLowerCase().includes(wanted) : isAll || !isCounted || rows || known,
  );
  const shown = [...objects.filter(isSelected), ...matching.filter((object) => !isSelected(object)).slice(0, MAX_SHOWN)];
  const hidden =
    matching.length > MAX_SHOWN ? `Of ${count(matching.length, 'object')} that match, ${MAX_SHOWN} are shown: search for the others. ` : '';
  return html`<section class="card">
    <div class="toolbar" role="search">
      <input type="search" name="search" value=${search} maxlength="80" placeholder="Name or label" aria-label="Search objects" data-filter="objects" />
      <button class="button">Search</button>
      <span class="push sub">${selected.length > 0 ? `${selected.length} selected` : null}</span>
    </div>
    ${
      shown.length === 0
        ? html`<div class="empty"><p>No object of this org matches, or the connection’s user cannot see it.</p></div>`
        : html`<div class="scroll objects" tabindex="0"><table id="objects">
      <thead><tr><th class="tight"><span class="hidden">Select</span></th><th>Object</th><th class="num">Rows, about</th><th class="wide">Read by</th></tr></thead>
      <tbody>${shown.map((object) => row(object, isSelected(object)))}</tbody>
    </table></div>`
    }
    <div class="paging"><span>${hidden}${wanted || isAll || !isCounted ? 'Rows are Salesforce’s estimates.' : html`<span>Objects without rows are not listed. <a href=${allUrl}>List all ${formatNumber(objects.length)}</a></span>`}</span></div>
  </section>`;
}

function row({ name, label, rows, refusal, api, known }: OrgObject, isSelected: boolean): Markup {
  const isOffered = refusal === null && known === null;
  const id = `object-${name}`;
  const names = html`<span><b>${name}</b>${label === name ? null : html` <span class="sub">${label}</span>`}</span>`;
  return html`<tr>
    <td class="tight">${isOffered ? html`<input type="checkbox" id=${id} name="object" value=${name} checked=${isSelected} />` : null}</td>
    <td>${isOffered ? html`<label for=${id}>${names}</label>` : names}
      ${known ? html`<span class="why"><a href=${`/console/jobs/${known.jobId}`}>has a job</a></span>` : refusal ? html`<span class="why">${refusal}</span>` : null}</td>
    <td class="num">${rows === null ? '–' : formatNumber(rows)}</td>
    <td class="wide">${api && refusal === null ? html`<span title=${api.reason}>${pill('neutral', api.method === 'bulk' ? 'Bulk API' : 'REST')}</span>` : null}</td>
  </tr>`;
}
