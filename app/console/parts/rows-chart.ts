import type { EndedWindow } from '../../store/job-search.ts';
import { count, formatNumber } from '../format.ts';
import { html, type Markup } from '../html.ts';

const [WIDTH, HEIGHT, LEFT, TOP] = [1000, 130, 64, 10];

/** The rows of each window, oldest first. */
export function rowsChart(windows: readonly EndedWindow[]): Markup {
  const max = roundUp(Math.max(1, ...windows.map(({ rows }) => rows)));
  const step = Math.min(28, (WIDTH - LEFT) / windows.length);
  const y = (rows: number): number => TOP + (1 - rows / max) * (HEIGHT - 2 * TOP);
  const total = windows.reduce((sum, { rows }) => sum + rows, 0);
  return html`<svg class="chart" viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label=${`${count(total, 'row')} in the latest ${count(windows.length, 'window')}`}>
    ${[0, max / 2, max].map(
      (rows) =>
        html`<g><line x1=${LEFT - 8} x2=${WIDTH} y1=${y(rows)} y2=${y(rows)} /><text x=${LEFT - 14} y=${y(rows) + 4} text-anchor="end">${formatNumber(rows)}</text></g>`,
    )}
    ${windows.map(
      ({ rows, failed }, index) =>
        html`<rect class=${failed ? 'off' : undefined} x=${(LEFT + index * step).toFixed(1)} y=${failed ? TOP : y(rows).toFixed(1)} width=${(step * 0.7).toFixed(1)} height=${(y(0) - (failed ? TOP : y(rows))).toFixed(1)} rx="2" />`,
    )}
  </svg>`;
}

/** The next of 2, 4, 10, 20, 40, 100 …: its half is a whole number. */
function roundUp(rows: number): number {
  const power = 10 ** Math.floor(Math.log10(rows));
  return [2, 4, 10, 20].map((factor) => factor * power).find((candidate) => candidate >= rows)!;
}
