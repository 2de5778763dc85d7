// Helpers that all REST resources share.
import type { IncomingMessage } from 'node:http';
import { ApiError } from './api-error.ts';

type Fields = Record<string, unknown>;

/** Only one project exists. */
export function requireProject(service: { project: string }, parameters: Record<string, string>): void {
  if (parameters.projectId === service.project) return;
  throw new ApiError('notFound', `Not found: Project ${parameters.projectId} (the local BigQuery has only ${service.project})`);
}

/** The named fields of a body that have a value. */
export function pickValues(body: Fields, names: string[]): Fields {
  return Object.fromEntries(names.flatMap((name) => (body[name] === undefined || body[name] === null ? [] : [[name, body[name]]])));
}

/** The named fields of a patch; null removes a field. */
export function pickPatch(body: Fields, names: string[]): Fields {
  return Object.fromEntries(names.flatMap((name) => (body[name] === undefined ? [] : [[name, body[name]]])));
}

/** Applies a patch to a resource; maps such as labels are patched key by key. */
export function merge<Resource extends object>(before: Resource, patch: Fields): Resource {
  const after = { ...before } as Fields;
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete after[name];
    else if (name === 'labels') after[name] = merge((after[name] as Fields | undefined) ?? {}, value as Fields);
    else after[name] = value;
  }
  return after as Resource;
}

export function checkPrecondition(request: IncomingMessage, etag: string): void {
  const wanted = request.headers['if-match'];
  if (wanted !== undefined && wanted !== '*' && wanted !== etag) throw new ApiError('conditionNotMet', 'Precondition check failed.');
}

/** A page of a list, by maxResults and pageToken (where the next one starts). */
export function page<Item>(all: Item[], query: URLSearchParams): { items: Item[]; nextPageToken: { nextPageToken?: string } } {
  const start = Number(query.get('pageToken') ?? 0);
  const size = Number(query.get('maxResults') ?? all.length);
  const more = start + size < all.length && size > 0;
  return { items: all.slice(start, start + size), nextPageToken: more ? { nextPageToken: String(start + size) } : {} };
}
