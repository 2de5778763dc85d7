import type { ListedJob } from '../../store/job-list.ts';
import { type Content, html, type Markup } from '../html.ts';
import type { Visit } from '../route.ts';
import { action } from './action.ts';

/** The repairs of a job, each with what it does. */
export function jobMenu(visit: Visit, { id, active, syncedTo, startDate }: ListedJob): Markup | null {
  if (!active) return null;
  const choices = [
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
  const shown = syncedTo > startDate ? choices : choices.slice(3);
  return html`<details class="menu"><summary class="button">More</summary><div>${shown}</div></details>`;
}

function choice(visit: Visit, label: string, path: string, text: string, inputs?: Content): Markup {
  return html`<div class=${`choice${inputs ? ' ranged' : ''}`}><p>${text}</p>${action(visit, { label, path }, inputs)}</div>`;
}

function range(name: string): Markup {
  return html`<span class="fields">
    <label for=${`${name}-from`}>From <input id=${`${name}-from`} type="date" name="from" /></label>
    <label for=${`${name}-to`}>To <input id=${`${name}-to`} type="date" name="to" /></label>
  </span>`;
}
