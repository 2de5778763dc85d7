import * as z from 'zod';
import type { ErrorCode } from '../../errors.ts';
import { COMMON_ERRORS } from '../common-errors.ts';
import { type Endpoint, pathParameters } from '../endpoint.ts';

/** An endpoint with one of its methods. */
export interface Operation {
  /** unique, for example `post_v1_runs_by_run_id_cancel` */
  id: string;
  endpoint: Endpoint;
  method: Endpoint['methods'][number];
  /** whether its fields are sent in a body, instead of in the query */
  hasBody: boolean;
}

/** The operations of endpoints, in the same order. */
export function operationsOf(endpoints: readonly Endpoint[]): Operation[] {
  return endpoints.flatMap((endpoint) =>
    endpoint.methods.map((method) => {
      const name = endpoint.name.replaceAll(/\{(\w+)\}/g, 'by_$1').replaceAll(/[^\w]/g, '_');
      return { id: `${method.toLowerCase()}_${name}`, endpoint, method, hasBody: method === 'POST' || method === 'PATCH' };
    }),
  );
}

/** A field of a request. */
export interface Field {
  name: string;
  in: 'path' | 'query' | 'body';
  required: boolean;
  schema: z.ZodType;
}

/** The fields of an operation: those in its path first, then the required ones. */
export function fieldsOf({ endpoint, hasBody }: Operation): Field[] {
  const inPath = pathParameters(endpoint);
  const fields = Object.entries(endpoint.request.shape as Record<string, z.ZodType>).map(
    ([name, schema]): Field => ({
      name,
      in: inPath.includes(name) ? 'path' : hasBody ? 'body' : 'query',
      required: schema._zod.optin === undefined,
      schema,
    }),
  );
  const rank = (field: Field): number => (field.in === 'path' ? 0 : field.required ? 1 : 2);
  return fields.sort((left, right) => rank(left) - rank(right));
}

/** The forms in which an endpoint responds: text, JSON, or either, as the caller prefers. */
export function responseForms({ response }: Endpoint): { text?: z.ZodType; json?: z.ZodType } {
  const members = response instanceof z.ZodUnion ? (response.options as readonly z.ZodType[]) : [response];
  const text = members.find(({ type }) => type === 'string' || type === 'literal');
  const json = text ? members.find((member) => member !== text) : response;
  return { ...(text && { text }), ...(json && { json }) };
}

/** The codes of all errors of an endpoint. */
export function errorsOf({ errors }: Endpoint): ErrorCode[] {
  return [...new Set([...COMMON_ERRORS, ...errors])];
}
