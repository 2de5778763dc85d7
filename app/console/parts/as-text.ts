import { stringify } from 'yaml';
import { DEFAULT_OPTIONS, isSameOption, type JobOptions, optionsJson } from '../../core/jobs/job-options.ts';
import { quote } from '../../core/shell-quote.ts';
import { html, type Markup } from '../html.ts';
import { type JobForm, specified } from '../job-form.ts';
import type { Visit } from '../route.ts';
import { shownOrigin } from '../shown-origin.ts';

/** Whose jobs a form creates or changes. */
interface Named {
  alias: string | null;
  identityUrl: string;
}

/** The same as a form does, as a command and, if a file for `apply` can declare it, as a part of that. */
export function asText(curl: string, yaml?: string): Markup {
  return html`<details class="card as-text">
    <summary>Show as ${yaml === undefined ? 'curl' : 'curl or YAML'}</summary>
    <div class="pad">
      <div class="as-text-head"><b>curl</b><button class="button" type="button" data-copy="as-curl">Copy</button></div>
      <pre id="as-curl" class="mono" tabindex="0">${curl}</pre>
      ${
        yaml === undefined
          ? null
          : html`<div class="as-text-head"><b>sync.yaml, for <code>apply</code></b><button class="button" type="button" data-copy="as-yaml">Copy</button></div>
      <pre id="as-yaml" class="mono" tabindex="0">${yaml}</pre>`
      }
    </div>
  </details>`;
}

/** The same as the forms beside it do, as commands. @param id of their text, unique on the page */
export function asCurl(id: string, commands: string): Markup {
  return html`<details class="as-curl">
    <summary>Show as curl</summary>
    <pre id=${id} class="mono once" tabindex="0">${commands}</pre>
    <p><button class="button" type="button" data-copy=${id}>Copy</button></p>
  </details>`;
}

/** A call of the API. */
export interface ApiCall {
  method: 'POST' | 'PATCH' | 'DELETE';
  /** with its slash */
  path: string;
  fields?: readonly (readonly [name: string, text: string])[];
}

/** The command that makes a call, with an API key if the service needs one. */
export function curlOf(visit: Visit, { method, path, fields = [] }: ApiCall): string {
  const { keyless } = visit.context.config.http;
  const parts = [
    ...(keyless ? [] : ['-H "Authorization: Bearer $SYNC_API_KEY"']),
    ...fields.map(([name, text]) => `--form ${quote(`${name}=${text}`)}`),
    `${shownOrigin(visit)}${path}`,
  ];
  // A form is sent by POST.
  const command = method === 'POST' && fields.length > 0 ? 'curl' : `curl -X ${method}`;
  return `${command} ${parts.join(' \\\n  ')}`;
}

/** The command that creates the same jobs. */
export function createJobsCurl(visit: Visit, { objects, options, takeOver }: JobForm, { identityUrl }: Named): string {
  return curlOf(visit, {
    method: 'POST',
    path: '/v1/jobs',
    fields: [
      ['user_id', identityUrl],
      ['object_names', objects.join(',')],
      ['start_date', options.startDate],
      ...specified(options),
      ...(takeOver ? [['take_over', 'true'] as const] : []),
    ],
  });
}

/** The part of sync.yaml that declares jobs for these objects. @param options those that are specified */
export function jobsYaml(objects: readonly string[], { alias, identityUrl }: Named, options: Partial<JobOptions>): string {
  const usual = optionsJson(DEFAULT_OPTIONS as Partial<JobOptions>);
  const own = Object.fromEntries(Object.entries(optionsJson(options)).filter(([name, value]) => !isSameOption(value, usual[name])));
  const jobs = Object.fromEntries(objects.toSorted().map((name) => [name, own]));
  return stringify({ connections: { [alias ?? identityUrl]: { jobs } } }, { lineWidth: 140, aliasDuplicateObjects: false });
}
