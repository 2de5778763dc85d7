import type { ListedJob } from '../../store/job-list.ts';
import { type Content, html, type Markup } from '../html.ts';
import type { Visit } from '../route.ts';
import { action } from './action.ts';

/** What else can be done with a job: its repairs unless it is paused, its change and its end, each with what it does. */
export function jobMenu(visit: Visit, { id, active, syncedTo, startDate }: ListedJob): Markup {
  const repairs = [
    choice(
      visit,
      'Compare',
      `/jobs/${id}/compare`,
      'Reads the rows again and compares every value with the table. Writes nothing.',
      range('compare'),
    ),
    choice(
      visit,
      'Reimport',
      `/jobs/${id}/reimport`,
      'Reads the rows of a range again and writes them. By default, all rows so far.',
      range('reimport'),
    ),
    choice(visit, 'Sweep', `/jobs/${id}/sweep`, 'Compares the keys and formulas of all rows, and repairs what differs.'),
    choice(
      visit,
      'Rebuild',
      `/jobs/${id}/rebuild`,
      'Imports all rows again and replaces the table with them, or creates the table if it is missing.',
    ),
  ];
  const shown = !active ? [] : syncedTo > startDate ? repairs : repairs.slice(3);
  return html`<details class="menu"><summary class="button">More</summary><div>
    ${shown}
    ${page('Change…', `/jobs/${id}/change`, 'How often it imports, since when, which fields, and what becomes of deleted rows.')}
    ${page('Delete…', `/jobs/${id}/delete`, 'Ends the job, and keeps or drops its table.', 'danger')}
  </div></details>`;
}

function choice(visit: Visit, label: string, path: string, text: string, inputs?: Content): Markup {
  return html`<div class=${`choice${inputs ? ' ranged' : ''}`}><p>${text}</p>${action(visit, { label, path }, inputs)}</div>`;
}

function page(label: string, path: string, text: string, look = ''): Markup {
  return html`<div class="choice"><p>${text}</p><a class=${`button ${look}`.trim()} href=${`/console${path}`}>${label}</a></div>`;
}

function range(name: string): Markup {
  return html`<span class="fields">
    <label for=${`${name}-from`}>From <input id=${`${name}-from`} type="date" name="from" /></label>
    <label for=${`${name}-to`}>To <input id=${`${name}-to`} type="date" name="to" /></label>
  </span>`;
}
