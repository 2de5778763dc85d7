import * as z from 'zod';
import { COMMON_ERRORS } from '../../app/http/common-errors.ts';
import type { Endpoint } from '../../app/http/endpoint.ts';
import { ENDPOINTS } from '../../app/http/endpoints.ts';
import type { Exchange } from './leaks.ts';

const OPERATIONS = ENDPOINTS.map((endpoint) => ({
  endpoint,
  methods: endpoint.methods as readonly string[],
  path: new RegExp(`^/${endpoint.name.replaceAll(/\{\w+\}/g, '[^/]+')}/?$`),
}));

const errorJson = z.strictObject({ error: z.strictObject({ code: z.string(), message: z.string().min(20) }) });

/** How the responses of an API differ from the descriptions of its endpoints, one sentence each, without their values. */
export function findDrift(exchanges: readonly Exchange[]): string[] {
  return [...new Set(exchanges.flatMap(differences))];
}

function differences({ method, path, status, headers, body, complete }: Exchange): string[] {
  const found = OPERATIONS.find((operation) => operation.methods.includes(method) && operation.path.test(path));
  if (!found || !complete) return [];
  const what = `${method} ${found.endpoint.name}`;
  const isJson = String(headers['content-type']).startsWith('application/json');
  const value: unknown = isJson ? JSON.parse(body) : body;
  return (status < 400 ? checkSuccess(found.endpoint, value) : checkError(found.endpoint, value)).map((text) => `${what}: ${text}`);
}

function checkSuccess({ response }: Endpoint, value: unknown): string[] {
  const result = response.safeParse(value);
  if (result.success) return [];
  return result.error.issues.map(({ path, message, ...issue }) => `${path.join('.')} ${'keys' in issue ? issue.keys : message}`);
}

function checkError({ errors }: Endpoint, value: unknown): string[] {
  const result = errorJson.safeParse(value);
  if (!result.success) return ['an error of another shape'];
  const { code } = result.data.error;
  return ([...COMMON_ERRORS, ...errors] as string[]).includes(code) ? [] : [`the error ${code}`];
}
