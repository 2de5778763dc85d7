import { ERROR_GROUPS } from '../../errors.ts';
import { COMMON_ERRORS } from '../common-errors.ts';
import type { Endpoint } from '../endpoint.ts';
import { GROUPS } from '../groups.ts';
import { type Html, html } from '../pages/html.ts';
import type { Page } from '../pages/page.ts';
import { type Json, toJsonSchemas } from './json-schema.ts';
import { OPEN_PATHS } from './open-paths.ts';
import { responseForms } from './operations.ts';
import { anchorOf, dataAnchor, type Place, propertiesOf, propertyTable, renderEndpoint } from './render-operation.ts';

const STYLE = `
body { display: block } main { max-width: 60rem; margin: 0 auto }
h2 { margin-top: 3rem; font-size: 1.35rem; border-bottom: 1px solid var(--line) } h3 { margin: 2.25rem 0 .25rem; font-size: 1.1rem; overflow-wrap: anywhere }
h4 { margin: 1rem 0 0; font-size: .9rem; color: var(--muted) } :target { background: color-mix(in srgb, var(--accent) 15%, transparent) }
nav ul { columns: 20rem; padding: 0; list-style: none } nav li { break-inside: avoid; overflow-wrap: anywhere } nav li.group { margin-top: .75rem; font-weight: 600 }
table { width: 100%; margin: .75rem 0; border-collapse: collapse; font-size: .925rem } th, td { padding: .4rem .75rem .4rem 0; text-align: left;
  vertical-align: top; border-top: 1px solid var(--line); overflow-wrap: anywhere } th { width: 30%; font-weight: 400 }
pre { margin: .5rem 0; padding: .75rem 1rem; background: var(--page); border-radius: .5rem; font: .85rem/1.5 ui-monospace, monospace; white-space: pre-wrap;
  overflow-wrap: anywhere } summary { cursor: pointer; color: var(--accent); font-size: .925rem }
@media (max-width: 30rem) { body { padding: 0 } main { border: 0; border-radius: 0 } th, td { display: block; width: auto } td { border: 0; padding-top: 0 } }
`;

/** The documentation of the API, as /openapi.json has it. @param version of the service */
export function docsPage(endpoints: readonly Endpoint[], version: string, place: Place): Page {
  const groups = Object.entries(GROUPS).map(([name, about]) => ({
    name,
    about,
    endpoints: endpoints.filter(({ group }) => group === name),
  }));
  return {
    title: 'API documentation',
    style: STYLE,
    body: html`<h1>API documentation</h1>
<p>This service replicates Salesforce objects into BigQuery tables. Version ${version}; the same as a document for programs:
<a href="/openapi.json">OpenAPI 3.1</a>.</p>
<ul>
<li>Send fields as multipart, urlencoded or JSON, or in the query. Unknown fields are refused.</li>
<li>${authentication(place)}</li>
<li>An error is a 4xx or 5xx with <code>{"error": {"code", "message"}}</code>, and its message says what to do.
<a href="#errors">All codes</a>.</li>
<li>Every response has an <code>X-Request-Id</code>, that of the request or a new one, which the log contains, too.</li>
</ul>
<nav aria-label="Contents"><ul>
${groups.map(renderContents)}</ul></nav>
${groups.map((group) => renderGroup(group, place))}
<h2 id="data">Data</h2>
${renderNamed(endpoints)}
<h2 id="errors">Errors</h2>
<p id="common-errors">Every call can respond with ${codeList(COMMON_ERRORS)}. The other codes are listed with the calls.</p>
${Object.entries(ERROR_GROUPS).map(renderErrorGroup)}`,
  };
}

function authentication({ keyed }: Place): Html {
  if (!keyed) return html`Without <code>API_KEYS</code>, this service needs no API key, and serves this machine only.`;
  return html`Send an API key as <code>Authorization: Bearer …</code> or <code>X-API-Key: …</code>. Its role decides which calls it may make.`;
}

interface Group {
  name: string;
  about: string;
  endpoints: readonly Endpoint[];
}

const groupAnchor = (name: string): string => `group-${name.replaceAll(' ', '-')}`;

function renderContents({ name, endpoints }: Group): Html {
  return html`<li class="group"><a href="#${groupAnchor(name)}">${capitalize(name)}</a></li>
${endpoints.map(
  (endpoint) => html`<li><a href="#${anchorOf(endpoint)}">${endpoint.methods.join(', ')} /${endpoint.name}</a></li>
`,
)}`;
}

function renderGroup({ name, about, endpoints }: Group, place: Place): Html {
  return html`<h2 id="${groupAnchor(name)}">${capitalize(name)}</h2>
<p>${about}</p>
${endpoints.map((endpoint) => renderEndpoint(endpoint, place))}${name === 'service' ? renderOpenPaths() : undefined}`;
}

function renderOpenPaths(): Html {
  const rows = Object.entries(OPEN_PATHS).map(([path, { get }]) => ({
    name: `GET ${path}`,
    schema: { description: (get as Json).summary, type: 'no API key' },
  }));
  return propertyTable(rows);
}

/** The data that several responses contain. */
function renderNamed(endpoints: readonly Endpoint[]): Html[] {
  const json = endpoints.flatMap((endpoint) => responseForms(endpoint).json ?? []);
  const { named } = toJsonSchemas(Object.fromEntries(json.map((schema, index) => [String(index), schema])), 'output');
  return Object.entries(named as Record<string, Json>).map(
    ([name, schema]) => html`<details><summary id="${dataAnchor(name)}">${name}: ${String(schema.description)}</summary>
${propertyTable(propertiesOf(schema))}</details>
`,
  );
}

function codeList(codes: readonly string[]): Html[] {
  return codes.map((code, index) => html`${index > 0 ? ', ' : ''}<a href="#${code}"><code>${code}</code></a>`);
}

function renderErrorGroup([name, errors]: [string, (typeof ERROR_GROUPS)[string]]): Html {
  return html`<h3>${name}</h3>
<table>
${Object.entries(errors).map(
  ([
    code,
    { status, meaning, remedy },
  ]) => html`<tr id="${code}"><th scope="row"><code>${code}</code> <span class="note">${String(status)}</span></th>
<td>${withCode(meaning)} <span class="note">${withCode(remedy)}</span></td></tr>
`,
)}</table>
`;
}

/** Text in which a backquote starts and ends code. */
function withCode(text: string): Html[] {
  return text.split('`').map((part, index) => (index % 2 === 1 ? html`<code>${part}</code>` : html`${part}`));
}

function capitalize(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}
