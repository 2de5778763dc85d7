import type { JobPreview, PlannedJob } from '../../actions/jobs/preview-job.ts';
import type { JobField } from '../../core/fields/job-fields.ts';
import { queryDollars } from '../../core/jobs/monthly-cost.ts';
import { MIN_DATE } from '../../core/runs/window.ts';
import { count, formatBound, formatBytes, formatDollars, formatNumber } from '../format.ts';
import { type Content, html, type Markup } from '../html.ts';
import { type Meaning, pill } from './pill.ts';
import { treatmentOf } from './treatment.ts';

const DAYS_PER_MONTH = 30.4;

const OUTCOMES: Record<JobPreview['outcome'], { meaning: Meaning; label: string }> = {
  create: { meaning: 'good', label: 'can be created' },
  exists: { meaning: 'neutral', label: 'exists already' },
  take_over: { meaning: 'warn', label: 'is taken over' },
  refused: { meaning: 'bad', label: 'refused' },
};

/** What all of the jobs would do and cost together, with the buttons. */
export function previewSummary(previews: readonly JobPreview[], { create, back }: { create: Content; back: Content }): Markup {
  const planned = previews.flatMap((preview) => (preview.outcome === 'create' && preview.planned ? [preview.planned] : []));
  const sum = (of: (job: PlannedJob) => number): number => planned.reduce((total, job) => total + of(job), 0);
  const calls = Math.ceil(sum(({ perDay }) => perDay.calls));
  const [first] = planned;
  const refused = previews.filter(({ outcome }) => outcome === 'refused').length;
  return html`<section class="card">
    ${
      first
        ? html`<dl class="facts inside">
      <div><dt>First import</dt><dd>${formatNumber(sum(({ firstImport }) => firstImport?.rows ?? 0))} rows</dd><dd>${planned.some(({ firstImport }) => firstImport === null) ? 'and those that Salesforce could not count' : count(planned.length, 'table')}</dd></div>
      <div><dt>API calls at first</dt><dd>${formatNumber(sum(({ firstImport }) => firstImport?.calls ?? 0))}</dd><dd>${allowance(first)}</dd></div>
      <div><dt>API calls a day, then</dt><dd>${formatNumber(calls)}</dd><dd>${shareOf(calls, first.quota.allowed)}${count(Math.ceil(first.quota.others), 'call')} by other jobs</dd></div>
      <div><dt>BigQuery a month, about</dt><dd>${formatDollars(sum(({ perDay }) => perDay.dollars) * DAYS_PER_MONTH)}</dd><dd>${formatBytes(sum(({ perDay }) => perDay.bytesBilled) * DAYS_PER_MONTH)} billed</dd></div>
    </dl>`
        : null
    }
    <div class=${first ? 'verdict' : 'verdict first'}><span class="grow">${says(previews, refused)}</span>${back}${create}</div>
  </section>`;
}

function says(previews: readonly JobPreview[], refused: number): string {
  const existing = previews.filter(({ outcome }) => outcome === 'exists').length;
  const others = [
    ...(refused > 0 ? [`${count(refused, 'object is', 'objects are')} refused, below`] : []),
    ...(existing > 0 ? [`${count(existing, 'job exists', 'jobs exist')} already`] : []),
  ];
  const estimate = 'Nothing has been created. Costs are estimates.';
  return others.length > 0 ? `${estimate} ${others.join('; ')}.` : estimate;
}

function allowance({ quota }: PlannedJob): string {
  return quota.allowed === null ? 'the org’s limit is not known yet' : `of ${formatNumber(quota.allowed)} a day that the service may make`;
}

function shareOf(calls: number, allowed: number | null): string {
  if (!allowed) return '';
  const share = (calls / allowed) * 100;
  return `${share < 1 ? 'under 1' : Math.round(share)} % of what is allowed; `;
}

/** A card for each job. */
export function previewCards(previews: readonly JobPreview[]): Markup[] {
  return previews.map((preview) => {
    const { objectName, outcome, jobId, refusals, planned } = preview;
    const { meaning, label } = OUTCOMES[outcome];
    return html`<section class="card" aria-label=${objectName}>
      <div class="run-head padded"><b>${objectName}</b> ${pill(meaning, label)}
        ${planned ? html`<span class="sub">→ <span class="mono">${planned.job.targetDataset}.${planned.job.targetTable}</span></span>` : null}
        ${jobId ? html`<span class="push"><a href=${`/console/jobs/${jobId}`}>Open the job</a></span>` : null}
      </div>
      ${refusals.map(({ message }) => html`<div class="verdict">${pill('bad', 'refused')}<span class="grow">${message}</span></div>`)}
      ${(planned?.warnings ?? []).map((text) => html`<div class="verdict">${pill('warn', 'note')}<span class="grow">${text}</span></div>`)}
      ${planned && refusals.length === 0 ? about(planned) : null}
    </section>`;
  });
}

function about(planned: PlannedJob): Content {
  const { job, firstImport, perDay, fields } = planned;
  const since =
    job.startDate.getTime() === MIN_DATE.getTime() || job.cursorField === null ? 'all rows' : `rows since ${formatBound(job.startDate)}`;
  const first = firstImport
    ? `${count(firstImport.rows, 'row')} by ${firstImport.method === 'bulk' ? 'Bulk API' : 'REST'} in ${count(firstImport.slices, 'slice')}, ${count(firstImport.calls, 'call')}, ${billed(firstImport.bytesBilled, queryDollars(firstImport.bytesBilled))}`
    : 'not estimated';
  return [
    html`<dl class="about">
      <dt>First import</dt><dd>${since}: ${first}</dd>
      <dt>Then</dt><dd>${job.every === 'day' ? 'every day' : `every ${job.every}`}, by ${job.cursorField ?? 'reading all rows'}: ${count(Math.ceil(perDay.calls), 'call')} and ${billed(perDay.bytesBilled, perDay.dollars)} a day</dd>
      <dt>Table</dt><dd>${job.partitioned ? 'partitioned by month of CreatedDate, ' : ''}deleted rows ${DELETED[job.deletes]}${job.history ? ', with a table of versions' : ''}</dd>
    </dl>`,
    html`<details class="fields"><summary>${countFields(fields)}</summary><div class="scroll" tabindex="0" role="region" aria-label="Fields">${fieldTable(fields)}</div></details>`,
  ];
}

const DELETED = { keep: 'stay', blank: 'lose their values', remove: 'are removed' };

function billed(bytes: number, dollars: number): string {
  return `${formatBytes(bytes)} billed${dollars >= 0.01 ? ` (${formatDollars(dollars)})` : ''}`;
}

function countFields(fields: readonly JobField[]): string {
  const counts = Map.groupBy(fields, ({ treatment }) => treatment);
  const shown = (['read', 'hashed', 'excluded', 'pending', 'skipped'] as const).flatMap((treatment) => {
    const found = counts.get(treatment)?.length ?? 0;
    return found > 0 ? [`${found} ${treatment}`] : [];
  });
  return `${count(fields.length, 'field')}: ${shown.join(', ')}`;
}

function fieldTable(fields: readonly JobField[]): Markup {
  return html`<table>
    <thead><tr><th>Field</th><th class="wide">Type</th><th>Column</th><th>Treatment</th></tr></thead>
    <tbody>${fields.map(
      (field) => html`<tr>
        <td>${field.name}${field.label === field.name ? null : html`<span class="why">${field.label}</span>`}</td>
        <td class="wide mono">${field.type}</td>
        <td class="mono">${field.columnType ?? '–'}</td>
        <td>${treatmentOf(field)}</td>
      </tr>`,
    )}</tbody>
  </table>`;
}
