import type { JobField } from '../../core/fields/job-fields.ts';
import { html, type Markup } from '../html.ts';
import { type Meaning, pill } from './pill.ts';

const MEANINGS: Record<JobField['treatment'], Meaning> = {
  read: 'good',
  hashed: 'live',
  excluded: 'neutral',
  pending: 'warn',
  skipped: 'neutral',
};

/** What becomes of a field, and why. */
export function treatmentOf({ treatment, reason }: JobField): Markup {
  return html`${pill(MEANINGS[treatment], treatment)}${reason ? html`<span class="why">${reason}</span>` : null}`;
}
