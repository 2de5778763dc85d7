import { setTimeout as sleep } from 'node:timers/promises';
import type { Router } from '@koa/router';
import type { Parts } from '../parts.ts';
import { describeReply } from './describe-reply.ts';
import { nextPageReply, queryReply, queryTimeoutError, requestedPageRows } from './query-reply.ts';
import { recordReply } from './record.ts';
import { readBody, replyJson } from './reply.ts';
import { notFoundError, SalesforceError } from './salesforce-error.ts';

const MAX_REQUESTS = 25;
const MAX_QUERIES = 5;

/** Subrequests take these from the call, and must not name them. */
const INHERITED_HEADERS = ['accept', 'authorization', 'content-type'];

interface Subrequest {
  method: string;
  url: string;
  referenceId: string;
  httpHeaders?: Record<string, string>;
}

interface CompositeRequest {
  allOrNone?: boolean;
  compositeRequest?: Subrequest[];
}

interface Subreply {
  body: unknown;
  httpHeaders: object;
  httpStatusCode: number;
  referenceId: string | null;
}

/** Several GETs in one call, without the limit on URL length: queries, their next pages, describes and single records. */
export function compositeRoute(router: Router, parts: Parts): void {
  router.post('/services/data/:version/composite', async (context) => {
    const { allOrNone = false, compositeRequest } = parse(await readBody(context.req));
    const tooMany = excess(compositeRequest);
    if (tooMany) return replyJson(context, { compositeResponse: [tooMany] });
    requireValid(compositeRequest);
    const replies: Subreply[] = [];
    for (const request of compositeRequest) replies.push(await answer(parts, request));
    const failed = replies.some(({ httpStatusCode }) => httpStatusCode >= 400);
    replyJson(context, { compositeResponse: allOrNone && failed ? replies.map(halt) : replies });
  });
}

function parse(body: string): CompositeRequest & { compositeRequest: Subrequest[] } {
  const request = parseJson(body);
  if (!Array.isArray(request.compositeRequest)) throw refusal('Missing required field: compositeRequest');
  return { ...request, compositeRequest: request.compositeRequest };
}

function parseJson(body: string): CompositeRequest {
  try {
    return JSON.parse(body) as CompositeRequest;
  } catch {
    throw refusal('The HTTP entity body is no JSON.');
  }
}

function refusal(message: string): SalesforceError {
  return new SalesforceError(400, 'JSON_PARSER_ERROR', message);
}

/** The only subreply if there are too many subrequests. The text of the first is from a log that a user published. */
function excess(requests: readonly Subrequest[]): Subreply | undefined {
  const message =
    requests.length > MAX_REQUESTS
      ? `The request can’t contain more than ${MAX_REQUESTS} operations.`
      : `The request can’t contain more than ${MAX_QUERIES} query operations.`;
  const queries = requests.filter(({ url }) => /\/query(All)?\b/.test(url));
  if (requests.length <= MAX_REQUESTS && queries.length <= MAX_QUERIES) return undefined;
  return { body: [{ errorCode: 'LIMIT_EXCEEDED', message }], httpHeaders: {}, httpStatusCode: 400, referenceId: null };
}

/** Throws if the call as a whole is not valid. */
function requireValid(requests: readonly Subrequest[]): void {
  const ids = requests.map(({ referenceId }) => referenceId);
  if (!ids.every((id) => /^[A-Za-z0-9]\w*$/.test(id ?? ''))) throw refusal('Provided referenceId is not valid.');
  if (new Set(ids).size < ids.length) throw refusal('Provided referenceId is not unique.');
  const named = requests.flatMap(({ httpHeaders = {} }) => Object.keys(httpHeaders)).map((name) => name.toLowerCase());
  const inherited = named.find((name) => INHERITED_HEADERS.includes(name));
  if (inherited) throw refusal(`The header ${inherited} is not allowed in a subrequest.`);
}

/** The reply of a subrequest whose call is undone because another one failed. */
function halt(reply: Subreply): Subreply {
  if (reply.httpStatusCode >= 400) return reply;
  const message = 'The transaction was rolled back since another operation in the same transaction failed.';
  return { ...reply, body: [{ errorCode: 'PROCESSING_HALTED', message }], httpHeaders: {}, httpStatusCode: 400 };
}

async function answer(parts: Parts, request: Subrequest): Promise<Subreply> {
  const { referenceId } = request;
  try {
    const { body, headers = {}, status = 200 } = (await injected(parts, request)) ?? (await resource(parts, request));
    return { body, httpHeaders: headers, httpStatusCode: status, referenceId };
  } catch (error) {
    if (!(error instanceof SalesforceError)) throw error;
    return { body: error.body, httpHeaders: {}, httpStatusCode: error.status, referenceId };
  }
}

interface Resource {
  body: unknown;
  headers?: object;
  status?: number;
}

async function injected({ faults }: Parts, { method, url }: Subrequest): Promise<Resource | undefined> {
  const fault = faults.take('subrequest', { method, url: decodeURIComponent(url) });
  if (!fault) return undefined;
  await sleep(fault.everyMs ?? 0, undefined, { ref: false });
  if (fault.status === 200) return undefined;
  return { body: fault.body === undefined ? queryTimeoutError().body : JSON.parse(fault.body), status: fault.status ?? 400 };
}

async function resource(parts: Parts, { method, url, httpHeaders = {} }: Subrequest): Promise<Resource> {
  if (method !== 'GET') throw new SalesforceError(405, 'METHOD_NOT_ALLOWED', 'The emulator supports only GET in composite requests.');
  const { pathname, searchParams } = new URL(url, 'https://instance');
  const [, version = '', name = '', rest = ''] = /^\/services\/data\/v(\d+\.0)\/(query|queryAll|sobjects)(?:\/(.+))?$/.exec(pathname) ?? [];
  const headers = new Headers(httpHeaders);
  if (name === 'sobjects') {
    const [object = '', id = ''] = rest.split('/');
    if (id === 'describe') return describe(parts, object, version, headers);
    return { body: recordReply(parts, { object, id, version, fields: searchParams.get('fields') ?? undefined }) };
  }
  if (!name) throw notFoundError();
  if (rest) return { body: nextPageReply(parts, rest, version) };
  const pageRows = requestedPageRows(headers.get('Sforce-Query-Options') ?? '');
  return { body: await queryReply(parts, { soql: searchParams.get('q') ?? undefined, deleted: name === 'queryAll', version, pageRows }) };
}

function describe(parts: Parts, object: string, version: string, requested: Headers): Resource {
  const condition = {
    ifNoneMatch: requested.get('If-None-Match') ?? undefined,
    ifModifiedSince: requested.get('If-Modified-Since') ?? undefined,
  };
  const { status, headers, text } = describeReply(parts, object, version, condition);
  return { body: text === undefined ? null : JSON.parse(text), headers, status };
}
