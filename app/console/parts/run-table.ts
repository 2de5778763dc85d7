import { sum } from '../../core/sum.ts';
import type { JobWithRun } from '../../store/jobs/job-list.ts';
import { formatBytes, formatDuration, formatNumber, relative } from '../format.ts';
import { html, type Markup } from '../html.ts';
import { runStatus, runTitle } from '../run-status.ts';
import { pill } from './pill.ts';

/** A table of runs, which links to each. */
export function runTable(runs: readonly JobWithRun['run'][], now: Date): Markup {
  return html`<table>
    <thead><tr><th>Run</th><th>State</th><th class="num">Rows</th><th class="num wide">Invalid values</th><th class="num wide">Took</th><th class="num wide">Billed</th><th class="num">Ended</th></tr></thead>
    <tbody>${runs.map((run) => {
      const { meaning, label } = runStatus(run, now);
      const { startedAt, finishedAt, receipt } = run;
      return html`<tr>
        <td><a href=${`/console/runs/${run.id}`}>${runTitle(run)}</a></td>
        <td>${pill(meaning, label)}</td>
        <td class="num">${receipt?.distinct_ids === undefined ? '–' : formatNumber(receipt.distinct_ids)}</td>
        <td class="num wide">${receipt?.invalid_values === undefined ? '–' : formatNumber(sum(Object.values(receipt.invalid_values)))}</td>
        <td class="num wide">${startedAt && finishedAt ? formatDuration(finishedAt.getTime() - startedAt.getTime()) : '–'}</td>
        <td class="num wide">${receipt?.bytes_billed === undefined ? '–' : formatBytes(receipt.bytes_billed)}</td>
        <td class="num">${finishedAt ? relative(finishedAt, now) : 'open'}</td>
      </tr>`;
    })}</tbody>
  </table>`;
}
