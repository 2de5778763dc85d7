import { sum } from '../../core/sum.ts';
import type { JobWithRun } from '../../store/jobs/job-list.ts';
import { count, formatBound, formatBytes, formatDuration, formatNumber, moment } from '../format.ts';
import { html, type Markup } from '../html.ts';
import { runTitle } from '../run-status.ts';

type Run = JobWithRun['run'];

/** Something that each run has a number of. */
interface Series {
  name: string;
  of(run: Run): number;
  format(value: number): string;
  /** all runs in a few words */
  summarize(values: readonly number[]): string;
  /** whether any is a warning */
  warns?: boolean;
}

const atMost =
  (format: (value: number) => string) =>
  (values: readonly number[]): string =>
    `at most ${format(Math.max(...values))}`;

const SERIES: readonly Series[] = [
  {
    name: 'Rows',
    of: ({ receipt }) => receipt?.distinct_ids ?? 0,
    format: (rows) => count(rows, 'row'),
    summarize: atMost(formatNumber),
  },
  {
    name: 'Duration',
    of: ({ startedAt, finishedAt }) => (startedAt && finishedAt ? finishedAt.getTime() - startedAt.getTime() : 0),
    format: formatDuration,
    summarize: atMost(formatDuration),
  },
  {
    name: 'Invalid values',
    of: ({ receipt }) => sum(Object.values(receipt?.invalid_values ?? {})),
    format: (values) => count(values, 'invalid value'),
    summarize: (values) => `${formatNumber(sum(values))} in all`,
    warns: true,
  },
  {
    name: 'Bytes billed',
    of: ({ receipt }) => receipt?.bytes_billed ?? 0,
    format: (bytes) => `${formatBytes(bytes)} billed`,
    summarize: (values) => `${formatBytes(sum(values))} in all`,
  },
];

/** In units of the drawing, which is stretched to its place: the width of a run, and the height of a series with that of its label. */
const [STEP, PANEL, LABEL] = [10, 100, 42];

const PANEL_PX = 78;

/** Bars of fewer runs than this are not wider than those of as many. */
const MIN_RUNS = 30;

/**
 * Charts of runs, one below the other, with a common axis of runs, oldest first. What none of them has is left out. A failed run is a full
 * red bar; a vertical line marks the first run of another version of the service.
 * @param runs at least one
 */
export function runCharts(runs: readonly Run[]): Markup {
  const panels = SERIES.map((series) => ({ ...series, values: runs.map(series.of) })).filter(
    ({ values }, index) => index === 0 || values.some((value) => value > 0),
  );
  const deploys = findDeploys(runs);
  const [width, height] = [runs.length * STEP, panels.length * PANEL];
  return html`<div>
    <div class="panels">
      <svg viewBox=${`0 0 ${width} ${height}`} height=${panels.length * PANEL_PX} preserveAspectRatio="none" role="img" aria-label=${describe(runs, panels, deploys)}>
        ${panels.map(({ values, warns }, index) => {
          const base = (index + 1) * PANEL - 1;
          const failed = runs.map(({ state }) => index === 0 && state === 'failed');
          const top = scaleOf(values);
          return html`<g>
            <line x1="0" x2=${width} y1=${base} y2=${base} />
            <path class=${warns ? 'warn' : undefined} d=${bars(
              values.map((value, run) => (failed[run] ? 0 : value / top)),
              base,
            )} />
            ${failed.includes(true) ? html`<path class="off" d=${bars(failed.map(Number), base)} />` : null}
          </g>`;
        })}
        ${runs.map((run, index) => html`<rect x=${index * STEP} y="0" width=${STEP} height=${height}><title>${figuresOf(run)}</title></rect>`)}
        ${deploys.map(
          ({ index, version, previous }) =>
            html`<g class="deploy"><title>${`Version ${version} from here on, after ${previous}`}</title>
              <line class="reach" x1=${index * STEP} x2=${index * STEP} y1="0" y2=${height} /><line x1=${index * STEP} x2=${index * STEP} y1="0" y2=${height} /></g>`,
        )}
      </svg>
      <ul>${panels.map(({ name, values, summarize }) => html`<li><b>${name}</b> <span class="sub">${summarize(values)}${isCut(values) ? ', its bar cut' : ''}</span></li>`)}</ul>
    </div>
    <div class="axis"><span>${moment(runs[0]!.finishedAt!)}</span>${deploys.map(({ version, at }) => html`<span class="deployed">version ${version} since ${moment(at)}</span>`)}<span>${moment(runs.at(-1)!.finishedAt!)}</span></div>
  </div>`;
}

/** How much larger than usual the largest value must be for its bar to be cut: else a first import would flatten all others. */
const CUT = 10;

/** A usual large value: nine of ten that are not zero are not larger. */
function usual(values: readonly number[]): number {
  const sorted = values.filter((value) => value > 0).sort((one, other) => one - other);
  return sorted[Math.floor(0.9 * (sorted.length - 1))] ?? 1;
}

function isCut(values: readonly number[]): boolean {
  return Math.max(...values) > CUT * usual(values);
}

/** The value of a full bar. */
function scaleOf(values: readonly number[]): number {
  return isCut(values) ? 2 * usual(values) : Math.max(1, ...values);
}

/** Bars upwards from a line. @param shares of a full bar; more than one: it is cut, which a gap shows */
function bars(shares: readonly number[], base: number): string {
  const full = PANEL - LABEL;
  const width = STEP * 0.7 * Math.min(1, shares.length / MIN_RUNS);
  const bar = (x: number, from: number, to: number): string =>
    `M${x.toFixed(2)} ${(base - from).toFixed(1)}h${width.toFixed(2)}V${(base - to).toFixed(1)}h${(-width).toFixed(2)}z`;
  return shares
    .map((share, index) => {
      if (share === 0) return '';
      const x = index * STEP + (STEP - width) / 2;
      return share > 1 ? bar(x, 0, full * 0.72) + bar(x, full * 0.82, full) : bar(x, 0, Math.max(2, share * full));
    })
    .join('');
}

interface Deploy {
  /** of the first run of the version */
  index: number;
  version: string;
  previous: string;
  at: Date;
}

/** Where the version changes; runs of releases that did not store it are skipped. */
function findDeploys(runs: readonly Run[]): Deploy[] {
  const known = runs.flatMap(({ version, finishedAt }, index) => (version === null ? [] : [{ index, version, at: finishedAt! }]));
  return known.flatMap((run, place) => {
    const previous = known[place - 1]?.version;
    return previous === undefined || previous === run.version ? [] : [{ ...run, previous }];
  });
}

function figuresOf(run: Run): string {
  const figures = SERIES.flatMap(({ of, format }) => (of(run) > 0 ? [format(of(run))] : []));
  return `${runTitle(run)}: ${[...(run.state === 'failed' ? ['failed'] : []), ...figures].join(', ')}`;
}

function describe(runs: readonly Run[], panels: readonly (Series & { values: number[] })[], deploys: readonly Deploy[]): string {
  const failed = runs.filter(({ state }) => state === 'failed').length;
  const series = panels.map(({ name, values, summarize }) => `${name.toLowerCase()} ${summarize(values)}`);
  const versions = deploys.map(({ version, at }) => `Version ${version} since ${formatBound(at)}.`);
  return [`${count(runs.length, 'run')}: ${series.join(', ')}; ${failed} failed.`, ...versions].join(' ');
}
