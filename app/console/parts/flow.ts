import type { Stage, StageName } from '../../core/runs/receipt-stages.ts';
import { formatNumber } from '../format.ts';
import { html, type Markup } from '../html.ts';

const NAMES: Record<StageName, string> = {
  salesforce_before: 'in Salesforce',
  salesforce_after: 'counted again',
  processed: 'extracted',
  rows_in_pages: 'in pages',
  loaded: 'loaded',
  staged: 'staged',
  distinct_ids: 'distinct Ids',
  delta_rows: 'typed rows',
  compared: 'compared',
  merged: 'written',
  target: 'in the table',
  erased: 'erased',
};

/** What follows the stages that are counted during the extraction. */
const TO_COME: readonly StageName[] = ['distinct_ids', 'delta_rows', 'merged'];

/** How far a run is: it succeeded, is open, or stopped before its end, because its counts differ or for another reason. */
export type Extent = 'whole' | 'open' | 'stopped' | 'mismatch';

/** A run's counts, from Salesforce to the target table: a stage whose count does not agree with the one before is the loud one. */
export function flow(stages: readonly Stage[], extent: Extent): Markup {
  const counted = new Set(stages.map(({ stage }) => stage));
  const later = extent === 'whole' ? [] : TO_COME.filter((stage) => !counted.has(stage));
  const all = [...stages, ...later.map((stage): Stage => ({ stage, rows: null, agrees: null, note: null }))];
  const known = all.findLastIndex(({ rows }) => rows !== null);
  // What was not counted on the way is left out: Salesforce counts again only at the end, for example.
  const shown = all.filter(({ rows }, index) => rows !== null || (extent !== 'whole' && index > known));
  const last = shown.findLastIndex(({ rows }) => rows !== null);
  return html`<ol class="flow">${shown.map((stage, index) => {
    const before = shown[index - 1]?.rows ?? stage.rows;
    const differs = stage.agrees === false || (extent === 'mismatch' && stage.rows !== null && stage.rows !== before);
    const { kind, mark, says } = look({ ...stage, agrees: differs ? false : stage.agrees }, index - last, extent);
    return html`<li class=${kind} title=${stage.note ?? undefined}>
      <span class="dot" aria-hidden="true">${mark}</span>
      <b>${stage.rows === null ? '–' : formatNumber(stage.rows)}</b>
      <small>${NAMES[stage.stage]}<span class="hidden">${says}</span></small>
    </li>`;
  })}</ol>`;
}

/** @param after how many places after the last known count */
function look({ agrees, rows }: Stage, after: number, extent: Extent): { kind: string; mark: string; says: string } {
  if (agrees === false) return { kind: 'off', mark: '≠', says: ': differs from the count before' };
  if (extent === 'open' && (after === 0 || (after === 1 && rows === null))) {
    return after === 0 ? { kind: 'now', mark: '…', says: ': in progress' } : { kind: 'wait', mark: '·', says: ': not yet' };
  }
  if (rows !== null) return { kind: 'same', mark: '✓', says: agrees ? ': agrees' : '' };
  if (extent === 'stopped' && after === 1) return { kind: 'off', mark: '×', says: ': stopped here' };
  return { kind: 'wait', mark: '·', says: ': not reached' };
}
