import type { Router } from '@koa/router';
import type { Parts } from '../parts.ts';
import { nextPageReply, queryReply, requestedPageRows } from './query-reply.ts';
import { recordReply } from './record.ts';
import { readBody, replyJson } from './reply.ts';
import { notFoundError, SalesforceError } from './salesforce-error.ts';

const MAX_REQUESTS = 25;
const MAX_QUERIES = 5;

interface Subrequest {
  method: string;
  url: string;
  referenceId: string;
  httpHeaders?: Record<string, string>;
}

/** Several GETs in one call, without the limit on URL length: queries, their next pages, and single records. */
export function compositeRoute(router: Router, parts: Parts): void {
  router.post('/services/data/:version/composite', async (context) => {
    const requests = readRequests(await readBody(context.req));
    const compositeResponse: object[] = [];
    for (const request of requests) compositeResponse.push(await answer(parts, request));
    replyJson(context, { compositeResponse });
  });
}

function readRequests(body: string): Subrequest[] {
  const { compositeRequest } = parse(body);
  if (!Array.isArray(compositeRequest)) throw refusal('Missing required field: compositeRequest');
  if (compositeRequest.length > MAX_REQUESTS) throw refusal(`Limit of ${MAX_REQUESTS} reached for subrequests`);
  const queries = compositeRequest.filter(({ url }) => /\/query(All)?\b/.test(url));
  if (queries.length > MAX_QUERIES) throw refusal(`Limit of ${MAX_QUERIES} reached for queries`);
  return compositeRequest;
}

function parse(body: string): { compositeRequest?: Subrequest[] } {
  try {
    return JSON.parse(body) as { compositeRequest?: Subrequest[] };
  } catch {
    throw new SalesforceError(400, 'JSON_PARSER_ERROR', 'The HTTP entity body is no JSON.');
  }
}

function refusal(message: string): SalesforceError {
  return new SalesforceError(400, 'PROCESSING_HALTED', message);
}

async function answer(parts: Parts, request: Subrequest): Promise<object> {
  const { referenceId } = request;
  try {
    return { body: await resource(parts, request), httpHeaders: {}, httpStatusCode: 200, referenceId };
  } catch (error) {
    if (!(error instanceof SalesforceError)) throw error;
    return { body: error.body, httpHeaders: {}, httpStatusCode: error.status, referenceId };
  }
}

async function resource(parts: Parts, { method, url, httpHeaders = {} }: Subrequest): Promise<object> {
  if (method !== 'GET') throw new SalesforceError(405, 'METHOD_NOT_ALLOWED', 'The emulator supports only GET in composite requests.');
  const { pathname, searchParams } = new URL(url, 'https://instance');
  const [, version = '', name = '', rest = ''] = /^\/services\/data\/v(\d+\.0)\/(query|queryAll|sobjects)(?:\/(.+))?$/.exec(pathname) ?? [];
  if (name === 'sobjects') {
    const [object = '', id = ''] = rest.split('/');
    return recordReply(parts, { object, id, version, fields: searchParams.get('fields') ?? undefined });
  }
  if (!name) throw notFoundError();
  if (rest) return nextPageReply(parts, rest, version);
  const pageRows = requestedPageRows(httpHeaders['Sforce-Query-Options'] ?? '');
  return await queryReply(parts, { soql: searchParams.get('q') ?? undefined, deleted: name === 'queryAll', version, pageRows });
}
