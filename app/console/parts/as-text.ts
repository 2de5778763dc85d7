import { stringify } from 'yaml';
import { DEFAULT_OPTIONS, isSameOption, type JobOptions, optionsJson } from '../../core/job-options.ts';
import { quote } from '../../core/shell-quote.ts';
import { html, type Markup } from '../html.ts';
import { type JobForm, specified } from '../job-form.ts';

/** Whose jobs the form creates. */
interface Named {
  alias: string | null;
  identityUrl: string;
}

/** The same as a form does, as a command and as a part of a file for `apply`. */
export function asText(curl: string, yaml: string): Markup {
  return html`<details class="card as-text">
    <summary>Show as curl or YAML</summary>
    <div class="pad">
      <div class="as-text-head"><b>curl</b><button class="button" type="button" data-copy="as-curl">Copy</button></div>
      <pre id="as-curl" class="mono" tabindex="0">${curl}</pre>
      <div class="as-text-head"><b>sync.yaml, for <code>apply</code></b><button class="button" type="button" data-copy="as-yaml">Copy</button></div>
      <pre id="as-yaml" class="mono" tabindex="0">${yaml}</pre>
    </div>
  </details>`;
}

/** The command that creates the same jobs. @param keyed whether it needs an API key */
export function createJobsCurl({ objects, options, takeOver }: JobForm, { identityUrl }: Named, origin: string, keyed: boolean): string {
  const fields: [string, string][] = [
    ['user_id', identityUrl],
    ['object_names', objects.join(',')],
    ['start_date', options.startDate],
    ...specified(options),
    ...(takeOver ? [['take_over', 'true'] as [string, string]] : []),
  ];
  const parts = [
    ...(keyed ? ['-H "Authorization: Bearer $SYNC_API_KEY"'] : []),
    ...fields.map(([name, value]) => `--form ${quote(`${name}=${value}`)}`),
    `${origin}/v1/jobs`,
  ];
  return `curl ${parts.join(' \\\n  ')}`;
}

/** The part of sync.yaml that declares the same jobs. @param options as read from the form */
export function createJobsYaml({ objects }: JobForm, { alias, identityUrl }: Named, options: Partial<JobOptions>): string {
  const usual = optionsJson(DEFAULT_OPTIONS as Partial<JobOptions>);
  const own = Object.fromEntries(Object.entries(optionsJson(options)).filter(([name, value]) => !isSameOption(value, usual[name])));
  const jobs = Object.fromEntries(objects.toSorted().map((name) => [name, own]));
  return stringify({ connections: { [alias ?? identityUrl]: { jobs } } }, { lineWidth: 140, aliasDuplicateObjects: false });
}
