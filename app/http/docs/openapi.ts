import { ERRORS, type ErrorCode } from '../../errors.ts';
import type { Endpoint } from '../endpoint.ts';
import { GROUPS } from '../groups.ts';
import { type Json, toJsonSchemas } from './json-schema.ts';
import { OPEN_PATHS } from './open-paths.ts';
import { errorsOf, type Field, fieldsOf, type Operation, operationsOf, responseForms } from './operations.ts';

const MEDIA_TYPES = ['multipart/form-data', 'application/x-www-form-urlencoded', 'application/json'];

const DESCRIPTION = `Replicates Salesforce objects into BigQuery tables.

Send fields as multipart, urlencoded or JSON, or in the query. The calls of the contract also accept GET. An error is a 4xx or 5xx with
{"error": {"code", "message"}}; its message says what to do. Every response has an X-Request-Id: that of the request, or a new one. The log contains it. Properties may be added to responses. /docs shows the same as a page.`;

/** The OpenAPI 3.1 document of the API. @param publicUrl undefined: unknown, so paths are relative to the document */
export function buildOpenApi(endpoints: readonly Endpoint[], version: string, publicUrl: string | undefined): Json {
  const operations = operationsOf(endpoints);
  const requests = toJsonSchemas(Object.fromEntries(operations.map(({ id, endpoint }) => [id, endpoint.request])), 'input');
  const responses = toJsonSchemas(
    Object.fromEntries(
      operations.flatMap(({ id, endpoint }) => Object.entries(responseForms(endpoint)).map(([form, schema]) => [`${id} ${form}`, schema])),
    ),
    'output',
  );
  const described = operations.map((operation) => {
    const { id, endpoint } = operation;
    const request = requests.schemas[id]!;
    const errors = errorResponses(operation);
    return {
      path: `/${endpoint.name}`,
      method: operation.method.toLowerCase(),
      bodySchema: bodySchema(operation, request),
      errors,
      description: {
        operationId: id,
        tags: [endpoint.group],
        summary: endpoint.summary,
        description: `For API keys with the role ${endpoint.roles.join(', ')}.`,
        parameters: parameters(operation, request),
        ...requestBody(operation, request),
        responses: {
          200: { description: 'Success.', content: successContent(operation, responses.schemas) },
          ...Object.fromEntries(errors.map(({ status, name }) => [status, { $ref: `#/components/responses/${name}` }])),
        },
      },
    };
  });
  const paths = Map.groupBy(described, ({ path }) => path);
  return {
    openapi: '3.1.1',
    info: { title: 'Salesforce to BigQuery', version, description: DESCRIPTION, license: { name: 'MIT', identifier: 'MIT' } },
    servers: [{ url: publicUrl ?? '/' }],
    security: [{ bearer: [] }, { header: [] }],
    tags: Object.entries(GROUPS).map(([name, description]) => ({ name, description })),
    paths: {
      ...Object.fromEntries(
        [...paths].map(([path, onPath]) => [path, Object.fromEntries(onPath.map(({ method, description }) => [method, description]))]),
      ),
      ...OPEN_PATHS,
    },
    components: {
      schemas: {
        ...Object.fromEntries(described.flatMap(({ bodySchema: body }) => (body ? [[body.name, body.schema]] : []))),
        ...responses.named,
      },
      responses: Object.fromEntries(described.flatMap(({ errors }) => errors.map(({ name, response }) => [name, response]))),
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'An API key of API_KEYS. A service that runs with --local needs none.' },
        header: { type: 'apiKey', in: 'header', name: 'X-API-Key', description: 'The same key, in a header of its own.' },
      },
    },
  };
}

/** The example of a field as JSON has it. */
function exampleValue(text: string, { type }: Json): unknown {
  if (type === 'integer') return Number(text);
  return type === 'boolean' ? text === 'true' : text;
}

const propertyOf = (request: Json, { name }: Field): Json => (request.properties as Record<string, Json>)[name]!;

function parameters(operation: Operation, request: Json): Json[] {
  return fieldsOf(operation)
    .filter((field) => field.in !== 'body')
    .map((field) => {
      const { description, examples, ...schema } = propertyOf(request, field);
      const text = operation.endpoint.example.request[field.name];
      const example = text === undefined ? (examples as unknown[] | undefined)?.[0] : exampleValue(text, schema);
      return { name: field.name, in: field.in, required: field.required, description, schema, ...(example !== undefined && { example }) };
    });
}

/** The schema of an operation's body; undefined if it has none. */
function bodySchema(operation: Operation, request: Json): { name: string; schema: Json } | undefined {
  const fields = fieldsOf(operation).filter((field) => field.in === 'body');
  if (fields.length === 0) return undefined;
  const required = fields.filter((field) => field.required).map(({ name }) => name);
  const properties = Object.fromEntries(fields.map((field) => [field.name, propertyOf(request, field)]));
  const schema = { type: 'object', properties, ...(required.length > 0 && { required }), additionalProperties: false };
  return { name: `${operation.id}_request`, schema };
}

function requestBody(operation: Operation, request: Json): Json {
  const body = bodySchema(operation, request);
  if (!body) return {};
  const given = operation.endpoint.example.request;
  const properties = body.schema.properties as Record<string, Json>;
  const example = Object.fromEntries(
    Object.entries(properties).flatMap(([name, schema]) => (given[name] === undefined ? [] : [[name, exampleValue(given[name], schema)]])),
  );
  const content = { schema: { $ref: `#/components/schemas/${body.name}` }, example };
  return {
    requestBody: { required: 'required' in body.schema, content: Object.fromEntries(MEDIA_TYPES.map((type) => [type, content])) },
  };
}

function successContent({ id, endpoint }: Operation, schemas: Record<string, Json>): Json {
  const forms = responseForms(endpoint);
  const { response, json } = endpoint.example;
  return {
    ...(forms.text && { 'text/plain': { schema: schemas[`${id} text`], example: response } }),
    ...(forms.json && { 'application/json': { schema: schemas[`${id} json`], example: forms.text ? json : response } }),
  };
}

interface ErrorResponse {
  status: number;
  /** in the components of the document */
  name: string;
  response: Json;
}

/** The responses to errors: one for each status, with all codes that have it. */
function errorResponses({ endpoint }: Operation): ErrorResponse[] {
  const byStatus = Map.groupBy<number, ErrorCode>(errorsOf(endpoint), (code) => ERRORS[code].status);
  // A multipart body without a Content-Length, by any method.
  byStatus.set(411, ['invalid_request']);
  return [...byStatus]
    .sort(([left], [right]) => left - right)
    .map(([status, codes]) => ({ status, name: [status, ...codes].join('.'), response: errorResponse(codes) }));
}

function errorResponse(codes: readonly ErrorCode[]): Json {
  const [code] = codes;
  const error = {
    type: 'object',
    properties: { code: { type: 'string', enum: codes }, message: { type: 'string' } },
    required: ['code', 'message'],
  };
  return {
    description: codes.map((each) => `${each}: ${ERRORS[each].meaning} ${ERRORS[each].remedy}`).join('\n\n'),
    ...(codes.includes('too_many_requests') && {
      headers: { 'Retry-After': { description: 'How many seconds to wait.', schema: { type: 'integer' } } },
    }),
    content: {
      'application/json': {
        schema: { type: 'object', properties: { error }, required: ['error'] },
        example: { error: { code, message: `${ERRORS[code!].meaning} ${ERRORS[code!].remedy}` } },
      },
    },
  };
}
