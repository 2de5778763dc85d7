import { formatBound, formatStartDate } from '../../core/jobs/start-date.ts';
import { MIN_DATE } from '../../core/runs/window.ts';
import type { ListedJob } from '../../store/jobs/job-list.ts';
import { type Content, html, type Markup } from '../html.ts';
import type { Visit } from '../route.ts';
import { action } from './action.ts';
import { asCurl, curlOf } from './as-text.ts';

/** What else can be done with a job: its repairs unless it is paused, its change and its end, each with what it does. */
export function jobMenu(visit: Visit, job: ListedJob): Markup {
  const { id, active, syncedTo, startDate } = job;
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
    ${active ? html`<div class="choice commands">${asCurl('repairs-as-curl', repairCommands(visit, job))}</div>` : null}
  </div></details>`;
}

function choice(visit: Visit, label: string, path: string, text: string, inputs?: Content): Markup {
  return html`<div class=${`choice${inputs ? ' ranged' : ''}`}><p>${text}</p>${action(visit, { label, path }, inputs)}</div>`;
}

/** The commands of what starts a run at once. The ranges are what is read by default. */
function repairCommands(visit: Visit, { id, syncedTo, startDate }: ListedJob): string {
  const from = startDate.getTime() === MIN_DATE.getTime() ? [] : [['from', formatStartDate(startDate)] as const];
  const range = [...from, ['to', formatBound(syncedTo)] as const];
  const isImported = syncedTo > startDate;
  const commands = [
    ...(isImported
      ? [
          { label: 'Compare', call: 'reimport', fields: [...range, ['compare', 'true'] as const] },
          { label: 'Reimport', call: 'reimport', fields: range },
          { label: 'Sweep', call: 'sweep' },
        ]
      : []),
    { label: 'Rebuild', call: 'rebuild' },
    { label: 'Sync now', call: 'sync-now' },
  ];
  return commands
    .map(({ label, call, ...fields }) => `# ${label}\n${curlOf(visit, { method: 'POST', path: `/v1/jobs/${id}/${call}`, ...fields })}`)
    .join('\n\n');
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
