import type { EndedWindow } from '../../store/jobs/job-search.ts';
import { count } from '../format.ts';
import { html, type Markup } from '../html.ts';

const HEIGHT = 22;
const STEP = 5;

/** How many windows a chart shows. */
export const SPARK_WINDOWS = 30;

/** The rows of the latest windows, oldest first, as a small chart. A failed window is a full red bar. */
export function spark(windows: readonly EndedWindow[]): Markup {
  const max = Math.max(1, ...windows.map(({ rows }) => rows));
  const bars = windows.map(({ rows, failed }, index) => {
    const height = failed ? HEIGHT : rows === 0 ? 1 : Math.max(2, (rows / max) * HEIGHT);
    const kind = failed ? 'off' : index === windows.length - 1 ? 'last' : undefined;
    return html`<rect class=${kind} x=${index * STEP} y=${(HEIGHT - height).toFixed(1)} width="3.4" height=${height.toFixed(1)} rx="1" />`;
  });
  return html`<svg class="spark" width=${SPARK_WINDOWS * STEP} height=${HEIGHT} role="img" aria-label=${describe(windows)}>${bars}</svg>`;
}

function describe(windows: readonly EndedWindow[]): string {
  const last = windows.at(-1);
  if (!last) return 'no window has ended yet';
  const failed = windows.filter((window) => window.failed).length;
  const most = Math.max(...windows.map(({ rows }) => rows));
  return `${count(windows.length, 'window')}: at most ${count(most, 'row')}, ${count(last.rows, 'row')} in the latest${failed > 0 ? `, ${failed} failed` : ''}`;
}
