import { randomInt } from 'node:crypto';
import { recordId } from '../org/record-id.ts';
import type { Snapshot } from '../org/snapshot.ts';
import type { SoqlQuery } from '../soql/soql.ts';
import { SalesforceError } from './salesforce-error.ts';

const CURSOR_LIFE_MS = 2 * 86_400_000;
/** Salesforce has no such limit, but each cursor keeps a snapshot of the org in memory. */
const MAX_CURSORS = 200;

interface Cursor {
  query: SoqlQuery;
  found: Snapshot;
  pageRows: number;
  opened: number;
}

/** A position in a result. */
export type OpenCursor = Omit<Cursor, 'opened'> & { id: string; from: number };

/** Results of REST queries that are longer than one page. */
export class QueryCursors {
  readonly #cursors = new Map<string, Cursor>();

  /** Keeps a result for two days and returns the cursor's id. */
  open(cursor: Omit<Cursor, 'opened'>): string {
    const id = recordId('0r8', randomInt(1_000_000_000, 200_000_000_000_000));
    for (const [old, { opened }] of this.#cursors) if (opened < Date.now() - CURSOR_LIFE_MS) this.#cursors.delete(old);
    for (const oldest of [...this.#cursors.keys()].slice(0, -MAX_CURSORS)) this.#cursors.delete(oldest);
    this.#cursors.set(id, { ...cursor, opened: Date.now() });
    return id;
  }

  /** Finds the position for a locator such as `0r8…-2000`. Throws INVALID_QUERY_LOCATOR. */
  at(locator: string): OpenCursor {
    const [, id = '', from = ''] = /^(\w+)-(\d+)$/.exec(locator) ?? [];
    const cursor = this.#cursors.get(id);
    if (!cursor) throw new SalesforceError(400, 'INVALID_QUERY_LOCATOR', 'invalid query locator');
    return { ...cursor, id, from: Number(from) };
  }
}
