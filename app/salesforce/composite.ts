import { AppError, isAppError } from '../errors.ts';
import type { SalesforceClient } from './client.ts';
import { type Described, describePath, toDescription } from './describe.ts';
import { isSessionRefused, refusalCode, translateSalesforceError } from './errors.ts';
import { toHttpError } from './http-error.ts';
import { parseKeepingNumbers } from './parse-keeping-numbers.ts';
import { pathOfQuery, QUERY_ROWS, type RestPage, toPage } from './rest.ts';
import type { ReadLimits } from './transport.ts';

/** Salesforce allows 25 subrequests in a composite call, of which five may be queries. */
export const MAX_QUERIES = 5;

/** How a proxy or firewall refuses a POST, its path or its size. */
const BLOCKED = ['ERROR_HTTP_403', 'ERROR_HTTP_405', 'ERROR_HTTP_413'];

/** Whether a failed call means that the org, or a proxy before it, does not accept composite calls. */
export function isCompositeRefused(error: unknown): boolean {
  if (BLOCKED.includes(refusalCode(error) ?? '')) return true;
  return isAppError(error) && error.code === 'salesforce_refused' && error.recovery === 'give-up';
}

/** A query whose first page is requested. */
export interface PageQuery {
  objectName: string;
  soql: string;
  columns: readonly string[];
  /** a previous Last-Modified: the object is also described, if that has changed since; undefined: it is not described */
  describedSince?: string | undefined;
}

/** The outcome of one query of a composite call. */
export type PageReply =
  /** `described` undefined: not described */
  | { kind: 'page'; page: RestPage; described: Described | 'unchanged' | undefined }
  /** a call for this query alone would fail with the same error */
  | { kind: 'refused'; error: AppError }
  /** a call for this query alone may succeed */
  | { kind: 'unanswered'; error: AppError };

/** A subrequest's response, with the text of its numbers. */
interface Subreply {
  referenceId: string;
  status: number;
  headers: Record<string, unknown>;
  body: unknown;
}

const DOING = 'query the rows of several objects';

/**
 * Requests the first pages of up to five queries, including deleted rows, in one call, which Salesforce also counts as one. The queries are
 * in the body, so they may be too long for a URI. Salesforce executes them one after another.
 * @returns the outcome of each query, in the order of the queries
 * @throws AppError if there is no usable response: salesforce_refused if Salesforce does not accept such calls
 */
export async function readFirstPages(client: SalesforceClient, queries: readonly PageQuery[], limits: ReadLimits): Promise<PageReply[]> {
  // Descriptions last: what changes during a query is noticed.
  const requests = [...queries.map((query, index) => queryRequest(client, query, index)), ...queries.flatMap(describeRequest(client))];
  const { body } = await client.post(
    DOING,
    `/services/data/v${client.version}/composite`,
    { allOrNone: false, compositeRequest: requests },
    limits,
  );
  const replies = requireReplies(parseKeepingNumbers(body, DOING), requests);
  return queries.map((query, index) => toPageReply(query, replies.get(queryId(index))!, replies.get(describeId(index)), body.length));
}

interface Subrequest {
  method: 'GET';
  url: string;
  referenceId: string;
  httpHeaders?: Record<string, string>;
}

const queryId = (index: number): string => `query${index}`;
const describeId = (index: number): string => `describe${index}`;

function queryRequest(client: SalesforceClient, { soql }: PageQuery, index: number): Subrequest {
  return { method: 'GET', url: pathOfQuery(client, soql), referenceId: queryId(index) };
}

const describeRequest =
  (client: SalesforceClient) =>
  ({ objectName, describedSince }: PageQuery, index: number): Subrequest[] =>
    describedSince === undefined
      ? []
      : [
          {
            method: 'GET',
            url: describePath(client, objectName),
            referenceId: describeId(index),
            httpHeaders: { 'If-Modified-Since': describedSince },
          },
        ];

/** The response of each subrequest, by its id. @throws AppError unless there is exactly one for each */
function requireReplies(reply: unknown, requests: readonly Subrequest[]): Map<string, Subreply> {
  const { compositeResponse } = (reply ?? {}) as Record<string, unknown>;
  const replies = Array.isArray(compositeResponse) ? compositeResponse.map(toSubreply) : [];
  const byId = new Map(replies.flatMap((subreply) => (subreply ? [[subreply.referenceId, subreply]] : [])));
  if (replies.length === requests.length && requests.every(({ referenceId }) => byId.has(referenceId))) return byId;
  throw new AppError('salesforce_unavailable', 'Salesforce returned a malformed composite response.');
}

function toSubreply(value: unknown): Subreply | undefined {
  const { referenceId, httpStatusCode, httpHeaders, body } = (value ?? {}) as Record<string, unknown>;
  if (typeof referenceId !== 'string' || typeof httpStatusCode !== 'string' || !/^[1-5]\d\d$/.test(httpStatusCode)) return undefined;
  return { referenceId, status: Number(httpStatusCode), headers: (httpHeaders ?? {}) as Record<string, unknown>, body };
}

function toPageReply(query: PageQuery, reply: Subreply, describe: Subreply | undefined, bytes: number): PageReply {
  if (reply.status !== 200) return toFailure(toHttpError(reply.status, reply.body));
  try {
    return { kind: 'page', page: { ...toPage(reply.body, query.columns), bytes }, described: describe && toDescribed(query, describe) };
  } catch (error) {
    return toFailure(error);
  }
}

/** A query that failed. One that ran out of time may have had too little because of the others. */
function toFailure(failure: unknown): PageReply {
  const error = translateSalesforceError(failure, QUERY_ROWS);
  const isFinal = error.code === 'salesforce_refused' && error.recovery === 'give-up';
  const isRefused = isFinal && !isSessionRefused(failure) && refusalCode(error) !== 'QUERY_TIMEOUT';
  return { kind: isRefused ? 'refused' : 'unanswered', error };
}

/** undefined: Salesforce did not describe the object, for which there is a call of its own */
function toDescribed({ objectName }: PageQuery, { status, headers, body }: Subreply): Described | 'unchanged' | undefined {
  if (status === 304) return 'unchanged';
  if (status !== 200) return undefined;
  const [, lastModified] = Object.entries(headers).find(([name]) => name.toLowerCase() === 'last-modified') ?? [];
  try {
    return { description: toDescription(body, objectName), lastModified: typeof lastModified === 'string' ? lastModified : undefined };
  } catch {
    return undefined;
  }
}
