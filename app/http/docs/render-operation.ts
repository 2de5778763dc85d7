import { ERRORS } from '../../errors.ts';
import { COMMON_ERRORS } from '../common-errors.ts';
import type { Endpoint } from '../endpoint.ts';
import { type Html, html } from '../pages/html.ts';
import { toCurl } from './curl.ts';
import { describeType } from './describe-type.ts';
import { type Json, toJsonSchemas } from './json-schema.ts';
import { type Field, fieldsOf, type Operation, operationsOf, responseForms } from './operations.ts';

/** Where the service is, for the examples. */
export interface Place {
  origin: string;
  keyed: boolean;
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

/** A table of fields or properties, with their types and descriptions. */
export function propertyTable(rows: readonly { name: string; note: string; schema: Json }[]): Html {
  return html`<table>
${rows.map(
  ({
    name,
    note,
    schema,
  }) => html`<tr><th scope="row"><code>${name}</code> <span class="note">${note}</span></th><td><span class="note">${describeType(schema)}.</span> ${String(schema.description ?? '')}</td></tr>
`,
)}</table>
`;
}

function renderResponses(endpoint: Endpoint): Html {
  const forms = responseForms(endpoint);
  const { response, json } = endpoint.example;
  const shown = forms.text ? json : response;
  const pretty = JSON.stringify(shown, null, 2);
  return html`${
    forms.text &&
    html`<pre>${String(response)}</pre>
`
  }${
    forms.json &&
    html`<details><summary>${forms.text ? 'With Accept: application/json' : 'Response'}</summary>
<pre>${pretty}</pre>
</details>
`
  }`;
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
