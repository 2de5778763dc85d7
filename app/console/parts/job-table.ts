import { formatLastDate } from '../../core/jobs/start-date.ts';
import { shownKind } from '../../core/runs/shown-kind.ts';
import { MIN_DATE } from '../../core/runs/window.ts';
import type { ListedJob } from '../../store/jobs/job-list.ts';
import type { EndedWindow } from '../../store/jobs/job-search.ts';
import { formatDuration, formatNumber, moment } from '../format.ts';
import { type Content, html, type Markup } from '../html.ts';
import { jobStatus } from '../job-status.ts';
import { pill } from './pill.ts';
import { spark } from './spark.ts';

/** What a table of jobs shows. */
export interface JobTable {
  jobs: readonly ListedJob[];
  windows: ReadonlyMap<string, readonly EndedWindow[]>;
  /** in real time, and by the schedule's clock */
  now: Date;
  scheduleNow: Date;
  /** before each row, and before the headings: for example a checkbox */
  select?: { all: Content; one: (job: ListedJob) => Content };
}

/** A table of jobs. */
export function jobTable({ jobs, windows, now, scheduleNow, select }: JobTable): Markup {
  return html`<table>
    <thead><tr>
      ${select ? html`<th class="tight">${select.all}</th>` : null}
      <th>Object</th><th>State</th><th class="wide">Table</th><th>Complete through</th><th class="num wide">Lag</th>
      <th class="num wide">Rows</th><th class="wide">Latest windows</th>
    </tr></thead>
    <tbody>${jobs.map((job) => {
      const latest = windows.get(job.id) ?? [];
      const cells = changingCells(job, now, scheduleNow);
      return html`<tr>
        ${select ? html`<td class="tight">${select.one(job)}</td>` : null}
        <td class="object"><a href=${`/console/jobs/${job.id}`}><b>${job.objectName}</b></a></td>
        <td>${cells.state}</td>
        <td class="wide mono object">${job.targetDataset}.${job.targetTable}</td>
        <td>${cells.through}</td>
        <td class="num wide">${cells.lag}</td>
        <td class="num wide">${latest.length > 0 ? formatNumber(latest.at(-1)!.rows) : '–'}</td>
        <td class="wide">${spark(latest)}</td>
      </tr>`;
    })}</tbody>
  </table>`;
}

/** Its repair, if that is open or failed and no window shows it. */
function repairPill({ repair, active, needsLogin }: ListedJob): Content {
  if (!repair) return null;
  const { state, acceptableRows } = repair;
  const kind = shownKind(repair.kind, repair.scope);
  if (state === 'running' || state === 'queued') return pill('live', `${kind} ${state}`);
  return state === 'failed' && active && !needsLogin ? pill(acceptableRows === null ? 'bad' : 'warn', `${kind} failed`) : null;
}

/** What changes in the row of a job. @param isUpdate whether it replaces that of the page */
function changingCells(job: ListedJob, now: Date, scheduleNow: Date, isUpdate = false): Record<'state' | 'through' | 'lag', Markup> {
  const { meaning, label, why } = jobStatus(job, now);
  const cell = (name: string, content: Content): Markup =>
    html`<span id=${`${name}-${job.id}`} hx-swap-oob=${isUpdate ? 'outerMorph' : undefined}>${content}</span>`;
  return {
    state: cell('state', [
      pill(meaning, label),
      ' ',
      repairPill(job),
      why && !job.needsLogin && meaning !== 'good' && meaning !== 'neutral'
        ? html`<span class="why lines wide" title=${why}>${why}</span>`
        : null,
    ]),
    through: cell('through', completeThrough(job)),
    lag: cell('lag', lagOf(job, scheduleNow)),
  };
}

/** What has changed in the rows of a table that stays as it is, because its rows may be selected. */
export function renewedCells({ jobs, now, scheduleNow }: Omit<JobTable, 'windows' | 'select'>): Content {
  return jobs.flatMap((job) => Object.values(changingCells(job, now, scheduleNow, true)));
}

/** A job's `last_date`. */
export function completeThrough({ syncedTo, startDate, every }: ListedJob): Content {
  if (syncedTo <= startDate || syncedTo.getTime() === MIN_DATE.getTime()) return html`<span class="sub">nothing yet</span>`;
  return moment(syncedTo, formatLastDate(syncedTo, every).replace('T', ' ').replace(':00.000Z', ''));
}

/** How far a job is behind the schedule's clock. */
export function lagOf({ syncedTo, startDate, active }: ListedJob, scheduleNow: Date): string {
  if (!active || syncedTo <= startDate) return '–';
  return formatDuration(Math.max(0, scheduleNow.getTime() - syncedTo.getTime()));
}
