import type { Context } from '../../context.ts';
import type { Deletes } from '../../core/jobs/deletes.ts';
import { MIN_DATE } from '../../core/runs/window.ts';
import { AppError, isAppError } from '../../errors.ts';
import { describeObject, type ObjectDescription } from '../../salesforce/describe.ts';
import { isTimeout, refusalCode } from '../../salesforce/errors.ts';
import { countRows, findAnyId, hasNullCursors, type RowRange } from '../../salesforce/soql.ts';
import type { Connection } from '../../store/connections/connections.ts';

/** A caller is waiting for the response. */
const TIMEOUT_MS = 20_000;

/** Salesforce's error codes for a valid query over too many rows. */
const TOO_SLOW_CODES = new Set(['QUERY_TIMEOUT', 'OPERATION_TOO_LARGE']);

/** The placeholder Id of rows without an Id of their own, for example of AppDefinition, which has a DurableId instead. */
const NO_ID = /^0{15}(AAA)?$/;

/**
 * Describes an object, bypassing the cache, and checks that it can be queried and that its rows have Ids.
 * @throws AppError not_found, invalid_request, and the errors of a call to Salesforce
 */
export async function describeImportableObject(
  context: Context,
  connection: Pick<Connection, 'id'>,
  objectName: string,
): Promise<ObjectDescription> {
  const description = await describeVisibleObject(context, connection, objectName);
  requireImportable(description);
  return description;
}

/** @throws AppError invalid_request if the object cannot be queried, or its rows have no Ids */
export function requireImportable({ name, queryable, fields }: ObjectDescription): void {
  if (!queryable) throw new AppError('invalid_request', `Salesforce does not allow queries of ${name}. Choose another object.`);
  if (fields.some((field) => field.name === 'DurableId')) throw noIdsError(name);
  if (fields.some((field) => field.name === 'Id' && field.type === 'id')) return;
  throw new AppError(
    'invalid_request',
    `${name} has no Id field that the connection's user can see, so its rows cannot be identified. Choose another object.`,
  );
}

/**
 * Tries a window's query, or that for the whole object, for one row, so that a query that Salesforce always refuses is found before the job is created.
 * A timeout is inconclusive, because a run cuts windows that are too large.
 * @throws AppError salesforce_refused, with Salesforce's reason; invalid_request if rows have no Ids of their own
 */
export async function checkWindowQuery(
  context: Context,
  connection: Connection,
  description: ObjectDescription,
  cursorField: string | null,
): Promise<void> {
  const { name, fields } = description;
  const client = context.salesforce(connection.id, AbortSignal.timeout(TIMEOUT_MS));
  const range = {
    objectName: name,
    cursorField,
    createdDate: fields.some((field) => field.name === 'CreatedDate'),
    cursorFrom: MIN_DATE,
    cursorTo: await context.scheduleNow(),
    open: true,
    idFrom: null,
    idTo: null,
    nullCursor: false,
  };
  try {
    const id = await findAnyId(client, range);
    if (id && NO_ID.test(id)) throw noIdsError(name);
  } catch (error) {
    if (isTooSlow(error)) {
      context.events.windowCheckTimedOut(name);
      return;
    }
    if (!isAppError(error) || error.code !== 'salesforce_refused') throw error;
    throw new AppError(
      'salesforce_refused',
      `${name} cannot be imported${cursorField === null ? '' : ' by time window'}. ${error.message}`,
      {
        cause: error,
        details: error.details,
      },
    );
  }
}

/**
 * Whether rows of an object may have a null cursor. A described `nillable: false` is reliable only for SystemModstamp, which Salesforce
 * itself sets.
 * @throws AppError
 */
export async function mayHaveNullCursors(
  context: Context,
  connection: Connection,
  { name, fields }: ObjectDescription,
  cursorField: string | null,
): Promise<boolean> {
  if (cursorField === null) return false;
  if (fields.some((field) => field.name === cursorField && field.nillable)) return true;
  const client = context.salesforce(connection.id, AbortSignal.timeout(TIMEOUT_MS));
  return cursorField !== 'SystemModstamp' && (await hasNullCursors(client, name, cursorField));
}

/** @returns `deletes` @throws AppError invalid_request if the object has no field that shows which rows are deleted */
export function requireDeletable({ name, fields }: ObjectDescription, deletes: Deletes): Deletes {
  if (deletes === 'keep' || fields.some((field) => field.name === 'IsDeleted')) return deletes;
  throw new AppError('invalid_request', `${name} has no IsDeleted field, so deletes must be keep.`);
}

const WEEK_MS = 7 * 24 * 60 * 60 * 1000;

/**
 * How many rows changed in the last week, by the schedule's clock; null if Salesforce cannot count them, because the object is too large.
 * @throws AppError
 */
export async function countWeeklyChanges(
  context: Context,
  connection: Connection,
  objectName: string,
  cursorField: string,
): Promise<number | null> {
  const since = new Date((await context.scheduleNow()).getTime() - WEEK_MS);
  return await countSince(context, connection, { objectName, cursorField }, since);
}

/**
 * How many rows are stamped from an instant on, up to now by the schedule's clock, or how many there are if the object has no cursor; null if
 * Salesforce cannot count them, because the object is too large.
 * @throws AppError
 */
export async function countSince(
  context: Context,
  connection: Connection,
  { objectName, cursorField }: Pick<RowRange, 'objectName' | 'cursorField'>,
  cursorFrom: Date,
): Promise<number | null> {
  const client = context.salesforce(connection.id, AbortSignal.timeout(TIMEOUT_MS));
  const cursorTo = await context.scheduleNow();
  const range = { createdDate: false, cursorFrom, cursorTo, open: false, idFrom: null, idTo: null, nullCursor: false };
  try {
    return await countRows(client, { objectName, cursorField, ...range });
  } catch (error) {
    if (!isTooSlow(error) && !(isAppError(error) && error.code === 'salesforce_refused')) throw error;
    context.events.changesNotCounted(objectName, error);
    return null;
  }
}

function isTooSlow(error: unknown): boolean {
  return isTimeout(error) || TOO_SLOW_CODES.has(refusalCode(error) ?? '');
}

function noIdsError(name: string): AppError {
  return new AppError('invalid_request', `${name} cannot be imported because its rows have no Ids of their own. Choose another object.`);
}

/** Describes an object, bypassing the cache. @throws AppError not_found, and the errors of a call to Salesforce */
export async function describeVisibleObject(
  context: Context,
  connection: Pick<Connection, 'id'>,
  objectName: string,
): Promise<ObjectDescription> {
  try {
    return await describeObject(context.salesforce(connection.id), objectName);
  } catch (error) {
    if (refusalCode(error) !== 'NOT_FOUND') throw error;
    throw new AppError(
      'not_found',
      `The connection's user cannot see an object named ${objectName} in this org. Check object_name: it must be an API name, for example Account or Invoice__c.`,
    );
  }
}
