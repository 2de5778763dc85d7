import type { ListedJob } from '../../store/jobs/job-list.ts';
import { html, type Markup } from '../html.ts';
import type { Visit } from '../route.ts';

/** The pages of a job. */
const TABS = [
  { name: 'runs', label: 'Runs', path: '' },
  { name: 'fields', label: 'Fields', path: '/fields' },
  { name: 'invalid-values', label: 'Invalid values', path: '/invalid-values' },
  { name: 'data', label: 'Data', path: '/data' },
] as const;

export type JobTab = (typeof TABS)[number]['name'];

/** The links to a job's pages, as far as the caller may see them. */
export function jobTabs({ id }: ListedJob, shown: JobTab, { can }: Visit): Markup {
  const tabs = TABS.filter(({ name }) => name !== 'data' || can.rows);
  return html`<nav class="tabs" aria-label="Job">${tabs.map(
    ({ name, label, path }) =>
      html`<a href=${`/console/jobs/${id}${path}`} aria-current=${name === shown ? 'page' : undefined}>${label}</a>`,
  )}</nav>`;
}
