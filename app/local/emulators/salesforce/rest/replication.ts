import type { Router } from '@koa/router';
import type { Context } from 'koa';
import { withOffset } from '../bulk/bulk-job-reply.ts';
import { ACTIVITY_START, toTimestamp } from '../objects/common-fields.ts';
import type { Table } from '../org/table.ts';
import type { Parts } from '../parts.ts';
import { objectSummary } from './describe.ts';
import { queryParameter, replyJson } from './reply.ts';
import { notFoundError, SalesforceError } from './salesforce-error.ts';

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
const DELETED_DAYS = 15;
const UPDATED_DAYS = 30;
const MAX_IDS = 600_000;

interface Span {
  start: string;
  end: string;
  /** The response is complete up to here: the next call starts here. */
  covered: string;
}

/** `/deleted` and `/updated`: the ids that changed in a range of minutes. */
export function replicationRoutes(router: Router, { org, clock }: Parts): void {
  router.get('/services/data/:version/sobjects/:object/deleted', (context) => {
    const table = replicated(context);
    const { start, end, covered } = requestedSpan(context, DELETED_DAYS);
    const found = [...table.deletions()].filter(({ deleted }) => deleted >= start && deleted < end);
    checkCount(found.length);
    const deletedRecords = found.map(({ id, deleted }) => ({ deletedDate: withOffset(deleted), id }));
    const earliestDateAvailable = withOffset(toTimestamp(Math.max(ACTIVITY_START, clock.now().getTime() - DELETED_DAYS * DAY_MS)));
    replyJson(context, { deletedRecords, earliestDateAvailable, latestDateCovered: covered });
  });

  router.get('/services/data/:version/sobjects/:object/updated', (context) => {
    const table = replicated(context);
    const { start, end, covered } = requestedSpan(context, UPDATED_DAYS);
    const cursor = table.field('SystemModstamp') ? 'SystemModstamp' : 'CreatedDate';
    const ids: unknown[] = [];
    for (const row of table.rows()) {
      const changed = String(table.value(row, cursor));
      if (changed >= start && changed < end && !table.isDeleted(row)) ids.push(table.value(row, 'Id'));
    }
    checkCount(ids.length);
    replyJson(context, { ids, latestDateCovered: covered });
  });

  function replicated(context: Context): Table {
    const table = org.table(context.params.object ?? '');
    if (!table) throw notFoundError();
    if (objectSummary(table.definition, '').replicateable) return table;
    throw new SalesforceError(400, 'INVALID_TYPE_FOR_OPERATION', `entity type ${table.definition.name} is not replicateable`);
  }

  /** Seconds are ignored. Throws INVALID_REPLICATION_DATE if the range is too short, or starts too long ago. */
  function requestedSpan(context: Context, days: number): Span {
    const [start, end] = ['start', 'end'].map((name) => minuteOf(queryParameter(context, name), name)) as [number, number];
    const now = clock.now().getTime();
    if (end - start <= MINUTE_MS) throw invalidDate('startDate and endDate must be more than one minute apart');
    if (start < now - days * DAY_MS - MINUTE_MS) throw invalidDate(`startDate cannot be more than ${days} days ago`);
    const covered = Math.min(end, Math.floor(now / MINUTE_MS) * MINUTE_MS);
    return { start: toTimestamp(start), end: toTimestamp(end), covered: withOffset(toTimestamp(covered)) };
  }
}

function minuteOf(text: string | undefined, name: string): number {
  if (text === undefined) throw new SalesforceError(400, 'MISSING_ARGUMENT', `Parameter ${name} is required`);
  const instant = /^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:?\d\d)$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(instant)) throw new SalesforceError(400, 'INVALID_REPLICATION_DATE', `${name} is no date with an offset: ${text}`);
  return Math.floor(instant / MINUTE_MS) * MINUTE_MS;
}

function invalidDate(message: string): SalesforceError {
  return new SalesforceError(400, 'INVALID_REPLICATION_DATE', message);
}

function checkCount(ids: number): void {
  if (ids > MAX_IDS) throw new SalesforceError(400, 'EXCEEDED_ID_LIMIT', `There are more than ${MAX_IDS} ids`);
}
