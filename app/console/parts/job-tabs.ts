import type { ListedJob } from '../../store/job-list.ts';
import { html, type Markup } from '../html.ts';

/** The pages of a job. */
const TABS = [
  { name: 'runs', label: 'Runs', path: '' },
  { name: 'fields', label: 'Fields', path: '/fields' },
] as const;

export type JobTab = (typeof TABS)[number]['name'];

/** The links to a job's pages. */
export function jobTabs({ id }: ListedJob, shown: JobTab): Markup {
  return html`<nav class="tabs" aria-label="Job">${TABS.map(
    ({ name, label, path }) =>
      html`<a href=${`/console/jobs/${id}${path}`} aria-current=${name === shown ? 'page' : undefined}>${label}</a>`,
  )}</nav>`;
}
