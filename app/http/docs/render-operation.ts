import type * as z from 'zod';
import { ERRORS } from '../../errors.ts';
import { COMMON_ERRORS } from '../common-errors.ts';
import type { Endpoint } from '../endpoint.ts';
import { type Html, html } from '../pages/html.ts';
import { toCurl } from './curl.ts';
import { describeType, nameOf } from './describe-type.ts';
import { type Json, toJsonSchemas } from './json-schema.ts';
import { type Field, fieldsOf, type Operation, operationsOf, responseForms } from './operations.ts';

/** Where the service is, for the examples. */
export interface Place {
  origin: string;
  keyed: boolean;
}

/** The anchor of a named schema. */
export function dataAnchor(name: string): string {
  return `data-${name}`;
}

/** The anchor of an endpoint. */
export function anchorOf(endpoint: Endpoint): string {
  return mainOperation(endpoint).id;
}

/** One endpoint: its fields, errors and example. */
export function renderEndpoint(endpoint: Endpoint, place: Place): Html {
  const operation = mainOperation(endpoint);
  const roles = new Intl.ListFormat('en', { type: 'disjunction' }).format(endpoint.roles);
  return html`<section class="operation">
<h3 id="${anchorOf(endpoint)}"><code>${endpoint.methods.join(', ')} /${endpoint.name}</code></h3>
<p>${endpoint.summary}</p>
<p class="note">For API keys with the role ${roles}.</p>
${renderFields(operation)}<h4>Example</h4>
<pre>${toCurl(exampleOperation(endpoint), place.origin, place.keyed)}</pre>
${renderResponses(endpoint)}${renderErrors(endpoint)}</section>
`;
}

/** With POST, where the contract allows GET as well: it takes a form. */
function mainOperation(endpoint: Endpoint): Operation {
  const operations = operationsOf([endpoint]);
  return operations.find(({ method }) => method === 'POST') ?? operations[0]!;
}

/** A call without fields is shortest with GET. */
function exampleOperation(endpoint: Endpoint): Operation {
  const hasFields = Object.keys(endpoint.example.request).length > 0;
  return hasFields ? mainOperation(endpoint) : operationsOf([endpoint])[0]!;
}

function renderFields(operation: Operation): Html | undefined {
  const fields = fieldsOf(operation);
  if (fields.length === 0) return undefined;
  const { properties } = toJsonSchemas({ request: operation.endpoint.request }, 'input').schemas.request as {
    properties: Record<string, Json>;
  };
  return propertyTable(fields.map((field) => ({ name: field.name, note: noteOf(field), schema: properties[field.name]! })));
}

function noteOf(field: Field): string {
  if (field.in === 'path') return 'in the path';
  return field.required ? 'required' : '';
}

/** A row about a field or property. */
interface PropertyRow {
  name: string;
  note?: string;
  schema: Json;
}

/** The rows about the properties of an object. */
export function propertiesOf({ properties = {} }: Json): PropertyRow[] {
  return Object.entries(properties as Record<string, Json>).map(([name, schema]) => ({ name, schema }));
}

/** A table of fields or properties, with their types and descriptions. */
export function propertyTable(rows: readonly PropertyRow[]): Html {
  return html`<table>
${rows.map(
  ({
    name,
    note = '',
    schema,
  }) => html`<tr><th scope="row"><code>${name}</code> <span class="note">${note}</span></th><td><span class="note">${describeType(schema)}.</span> ${String(schema.description ?? '')}</td></tr>
`,
)}</table>
`;
}

function renderResponses(endpoint: Endpoint): Html {
  const { text, json } = responseForms(endpoint);
  const { example } = endpoint;
  const plain = html`<pre>${String(example.response)}</pre>
`;
  return html`${text && plain}${json && renderJson(json, text ? example.json : example.response, text ? 'With Accept: application/json' : 'Response')}`;
}

/** What a JSON response contains, and an example of it. */
function renderJson(response: z.ZodType, example: unknown, title: string): Html {
  const schema = toJsonSchemas({ response }, 'output').schemas.response!;
  const name = typeof schema.$ref === 'string' ? nameOf(schema.$ref) : undefined;
  return html`<details><summary>${title}</summary>
${name === undefined ? propertyTable(propertiesOf(schema)) : html`<p>A <a href="#${dataAnchor(name)}">${name}</a>, for example:</p>`}
<pre>${JSON.stringify(example, null, 2)}</pre>
</details>
`;
}

function renderErrors({ errors }: Endpoint): Html {
  const own = errors.filter((code) => !(COMMON_ERRORS as readonly string[]).includes(code));
  if (own.length === 0)
    return html`<p class="note">Errors: only <a href="#common-errors">those of every call</a>.</p>
`;
  const links = own.map(
    (code, index) => html`${index > 0 ? ', ' : ''}<a href="#${code}"><code>${code}</code></a> ${String(ERRORS[code].status)}`,
  );
  return html`<p class="note">Errors, besides <a href="#common-errors">those of every call</a>: ${links}.</p>
`;
}
