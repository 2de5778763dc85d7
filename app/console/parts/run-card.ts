import type { DetailedRun } from '../../actions/runs/detail-run.ts';
import { runCost } from '../../core/jobs/monthly-cost.ts';
import { stagesOf } from '../../core/runs/receipt-stages.ts';
import { type RunStep, rowsPerSecond, runStep } from '../../core/runs/run-progress.ts';
import type { JobWithRun } from '../../store/jobs/job-list.ts';
import { count, formatBytes, formatDollars, formatDuration, formatNumber, relative } from '../format.ts';
import { type Content, html, type Markup } from '../html.ts';
import { expectedRows, loadedShare } from '../live/loaded-share.ts';
import type { Visit } from '../route.ts';
import { remarks, runStatus, runTitle } from '../run-status.ts';
import { action } from './action.ts';
import { remedy } from './alerts.ts';
import { bar } from './bar.ts';
import { flow } from './flow.ts';
import { pill } from './pill.ts';

/** How a run is shown: on its own page, or as a part of its job's. */
export type Place = 'run' | 'job';

/** What it does; nothing while it waits, which its state explains. */
const STEPS: Record<RunStep, string | null> = {
  waiting: null,
  planning: 'Reads the object’s fields and plans what to request.',
  extracting: 'Reads rows from Salesforce and loads them into staging tables.',
  writing: 'Everything is staged: counts, casts and writes.',
};

/** A run that is open: what it counted so far, how fast it is, and how long it still takes. */
export function openRunCard(visit: Visit, detail: DetailedRun, place: Place): Markup {
  const { run, slices, stages, needsLogin } = detail;
  const { progress, state } = run;
  const { meaning, label, why } = runStatus(run, visit.now);
  const step = runStep(state, progress);
  const expected = expectedRows(detail);
  const rows = progress?.rows ?? 0;
  const share = loadedShare(detail) ?? 0;
  const done =
    progress && progress.slices > 0
      ? [
          `${progress.slicesDone} of ${count(progress.slices, 'slice')}`,
          count(progress.pages, 'page'),
          count(rows, 'row'),
          formatBytes(progress.bytes),
        ]
      : [];
  return html`<section class="card">
    <div class="run-head">
      ${place === 'job' ? [html`<b><a href=${`/console/runs/${run.id}`}>${runTitle(run)}</a></b>`, pill(meaning, label)] : null}
      <span class="sub">${run.startedAt ? html`<span>started ${relative(run.startedAt, visit.now)}</span>` : null}${methodOf(slices)}${claimedBy(run, place)}</span>
      <span class="push sub">${speed(detail, rows, expected, visit.now)}</span>
    </div>
    ${flow(stages, 'open')}
    <div class="progress">${bar([{ share }], expected ? `${Math.round(share * 100)} % of the rows are loaded` : 'the number of rows is not known yet')}
      <span class="sub">${step && run.runAt <= visit.now ? STEPS[step] : null} ${done.join(' · ')}</span></div>
    ${why && state === 'queued' ? html`<div class="verdict"><span class="grow">${needsLogin ? 'It waits for a login.' : why}</span>${needsLogin ? null : action(visit, { label: 'Retry now', path: `/runs/${run.id}/retry` })}${cancel(visit, run)}</div>` : cancelBar(visit, run)}
  </section>`;
}

function cancel(visit: Visit, { id }: JobWithRun['run']): Markup | null {
  return action(visit, { label: 'Cancel', path: `/runs/${id}/cancel` });
}

function cancelBar(visit: Visit, run: JobWithRun['run']): Markup | null {
  return visit.can.operate
    ? html`<div class="verdict"><span class="grow">It can be stopped at any time: nothing is lost, and what is loaded already is used again where possible.</span>${cancel(visit, run)}</div>`
    : null;
}

function speed({ run }: DetailedRun, rows: number, expected: number | undefined, now: Date): Content {
  const rate = run.progress && run.state === 'running' ? rowsPerSecond(run.progress, now) : null;
  if (rate === null) return null;
  const left = expected !== undefined && expected > rows ? ` · about ${formatDuration(((expected - rows) / rate) * 1000)} left` : '';
  return `${formatNumber(Math.round(rate))} rows/s${left}`;
}

/** Which process claimed it; nothing on a job's page, which shows many runs. */
function claimedBy({ worker, version }: JobWithRun['run'], place: Place): Content {
  return place === 'run' && worker !== null ? html`<span> · by <span class="mono">${worker}</span>, version ${version}</span>` : null;
}

function methodOf(slices: DetailedRun['slices']): Content {
  const methods = [
    ...new Set(
      slices.flatMap(({ method, reason }) => (method ? [`${method === 'bulk' ? 'Bulk API' : 'REST'}${reason ? `, ${reason}` : ''}`] : [])),
    ),
  ];
  return methods.length > 0 ? ` · ${methods.slice(0, 2).join('; ')}` : null;
}

/** A run that has ended: its receipt as a flow of counts, or where it stopped. */
export function endedRunCard(visit: Visit, found: JobWithRun, place: Place, soFar: DetailedRun['stages'] = []): Markup {
  const { run } = found;
  const { receipt } = run;
  const { meaning, label, why } = runStatus(run, visit.now);
  const notes = receipt ? stagesOf(receipt).flatMap(({ note }) => note ?? []) : [];
  const isFailed = run.state === 'failed';
  return html`<section class="card">
    <div class="run-head">
      ${place === 'job' ? [html`<b><a href=${`/console/runs/${run.id}`}>${runTitle(run)}</a></b>`, pill(meaning, label)] : null}
      <span class="sub">${cost(run)}${claimedBy(run, place)}</span>
      <span class="push sub">${run.finishedAt ? html`<span>ended ${relative(run.finishedAt, visit.now)}</span>` : null}</span>
    </div>
    ${receipt ? flow(stagesOf(receipt), 'whole') : soFar.some(({ rows }) => rows !== null) ? flow(soFar, run.errorCode === 'count_mismatch' ? 'mismatch' : 'stopped') : html`<p class="pad sub">It counted nothing.</p>`}
    ${
      isFailed
        ? html`<div class="verdict">${pill('bad', 'stopped')}<span class="grow">${why}</span>${run.acceptableRows !== null && place === 'run' ? accept(visit, run) : remedy(visit, found.id, run)}</div>`
        : why
          ? html`<div class="verdict"><span class="grow">${why}</span></div>`
          : null
    }
    ${(receipt ? remarks(receipt) : []).map(({ kind, text, tab }) => html`<div class="verdict">${kind === 'warn' ? pill('warn', 'note') : null}<span class="grow">${text}</span>${tab ? html`<a href=${`/console/jobs/${found.id}/${tab}`}>Show</a>` : null}</div>`)}
    ${[...new Set(notes)].map((note) => html`<div class="verdict"><span class="grow">${note}</span></div>`)}
  </section>`;
}

/** The button that lets the next run pass the same verdict. */
function accept(visit: Visit, run: JobWithRun['run']): Content {
  return [
    action(visit, { label: 'Retry without accepting', path: `/runs/${run.id}/retry` }),
    action(visit, {
      label: `Accept the difference of ${count(run.acceptableRows!, 'row')}`,
      path: `/runs/${run.id}/accept`,
      look: 'danger',
    }),
  ];
}

function cost({ receipt, startedAt, finishedAt }: JobWithRun['run']): string {
  const spent = receipt && runCost(receipt);
  const duration = startedAt && finishedAt ? [formatDuration(finishedAt.getTime() - startedAt.getTime())] : [];
  if (!spent) return duration.join('');
  const calls =
    spent.calls === null
      ? []
      : [`${spent.calls % 1 === 0 ? spent.calls : spent.calls.toFixed(1)} ${spent.calls === 1 ? 'API call' : 'API calls'}`];
  return [
    ...duration,
    ...calls,
    `${formatBytes(spent.bytesBilled)} billed`,
    ...(spent.dollars >= 0.01 ? [formatDollars(spent.dollars)] : []),
  ].join(' · ');
}
