import { gunzipSync } from 'node:zlib';
import type { HttpReply } from './http-proxy.ts';
import { type HttpCall, httpStep } from './steps.ts';

/** The step of a composite call. */
export const COMPOSITE = 'salesforce POST /composite';

/** Salesforce's refusal of a query, as if the user had lost access to its object. */
const REFUSAL = {
  errorCode: 'INVALID_TYPE',
  message: 'sObject type is not supported. If you are attempting to use a custom object, check it.',
};

interface Subreply {
  referenceId: string;
  httpStatusCode: number;
  httpHeaders: object;
  body: unknown;
}

/** Counts the composite calls that Salesforce answered, and refuses single queries of them. */
export class CompositeWatch {
  calls = 0;
  /** those of which some queries failed, and others did not */
  halfFailed = 0;
  #refusals: number[] = [];

  /** Refuses one query of the next call that has several. @param which in [0, 1), from the first to the last */
  refuseQuery(which: number): void {
    this.#refusals.push(which);
  }

  change(call: HttpCall, reply: HttpReply): HttpReply {
    if (reply.status !== 200 || httpStep('salesforce', call) !== COMPOSITE) return reply;
    this.calls++;
    const replies = parse(reply);
    const queries = replies.filter(({ referenceId }) => referenceId?.startsWith('query'));
    const which = queries.length > 1 ? this.#refusals.shift() : undefined;
    const refused = which === undefined ? undefined : queries[Math.floor(which * queries.length)];
    if (refused) Object.assign(refused, { httpStatusCode: 400, httpHeaders: {}, body: [REFUSAL] });
    if (new Set(queries.map(({ httpStatusCode }) => httpStatusCode < 400)).size === 2) this.halfFailed++;
    return refused ? withReplies(reply, replies) : reply;
  }

  /** From now on, refuses nothing. */
  end(): void {
    this.#refusals = [];
  }
}

function parse({ headers, body }: HttpReply): Subreply[] {
  const text = headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
  return (JSON.parse(text.toString()) as { compositeResponse: Subreply[] }).compositeResponse;
}

function withReplies({ status, headers }: HttpReply, compositeResponse: Subreply[]): HttpReply {
  const { 'content-encoding': _gzip, ...kept } = headers;
  return { status, headers: kept, body: Buffer.from(JSON.stringify({ compositeResponse })) };
}
