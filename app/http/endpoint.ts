import type * as z from 'zod';
import type { Role } from '../config.ts';
import type { Context } from '../context.ts';
import type { ErrorCode } from '../errors.ts';
import type { Caller } from './auth.ts';
import type { Group } from './groups.ts';

/**
 * An API endpoint: who may call it, its fields and its response. The router validates requests by it, /openapi.json and /docs describe it, and
 * the tests compare every response with it.
 */
export interface Endpoint<Request extends z.ZodObject = z.ZodObject, Response extends z.ZodType = z.ZodType> {
  /** also its path, which endpoints with other methods may share; a parameter in braces is a field of `request` */
  name: string;
  /** the contract's state-changing endpoints accept GET too, as in its curl examples */
  methods: readonly ('GET' | 'POST' | 'PATCH' | 'DELETE')[];
  group: Group;
  /** what it does, in one sentence */
  summary: string;
  roles: readonly Role[];
  /** Its fields by name. The schema of each reads text, as a form or a path contains it (schemas/fields.ts); `handle` gets what it returns. */
  request: Request;
  /** the body of a success: text if the schema is a string, otherwise JSON; a union of both if the caller chooses by its Accept header */
  response: Response;
  /** the codes of its errors, besides those of every endpoint (COMMON_ERRORS) */
  errors: readonly ErrorCode[];
  /** A request that succeeds, its parameters in the path included, and its response; also as JSON, where the caller can choose that. */
  example: { request: Readonly<Record<string, string>>; response: z.input<Response>; json?: z.input<Response> };
  /** of the body; undefined: the usual limit */
  maxBytes?: number;
  /**
   * @param fields by name, validated
   * @param wantsJson whether the caller prefers JSON
   * @param closed aborts when the connection closes
   * @returns a plain text response, or an object to send as JSON
   */
  handle(context: Context, fields: z.output<Request>, caller: Caller, wantsJson: boolean, closed: AbortSignal): Promise<string | object>;
}

/** An endpoint whose `handle` and `example` have the types of its schemas. */
export function defineEndpoint<Request extends z.ZodObject, Response extends z.ZodType>(endpoint: Endpoint<Request, Response>): Endpoint {
  return endpoint as unknown as Endpoint;
}

/** The names of the parameters in an endpoint's path. */
export function pathParameters({ name }: Pick<Endpoint, 'name'>): string[] {
  return [...name.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => parameter!);
}
