import type { Context } from '../context.ts';
import { STAMPS } from '../core/cursor.ts';
import { BEGINNING } from '../core/window.ts';
import { AppError, isAppError } from '../errors.ts';
import { describeObject, type ObjectDescription } from '../salesforce/describe.ts';
import { isTimeOut, refusalCode } from '../salesforce/errors.ts';
import { firstId, hasNullCursors } from '../salesforce/soql.ts';
import type { Connection } from '../store/connections.ts';

/** A caller waits for the answer. */
const TRY_MS = 20_000;

/** With these Salesforce refuses a query for its rows, not for its form. */
const TOO_SLOW = new Set(['QUERY_TIMEOUT', 'OPERATION_TOO_LARGE']);

/** Salesforce's Id of every row of an object whose rows have none of their own, such as AppDefinition; a DurableId stands for it. */
const NO_ID = /^0{15}(AAA)?$/;

/**
 * Describes an object, unconditionally, whose rows have Ids and can be queried.
 * @throws AppError not_found, invalid_request, and what a call to Salesforce throws
 */
export async function describeImportable(context: Context, connection: Connection, objectName: string): Promise<ObjectDescription> {
  const description = await describe(context, connection, objectName);
  const { name, queryable, fields } = description;
  if (!queryable) throw new AppError('invalid_request', `Salesforce does not let ${name} be queried: choose another object.`);
  if (fields.some((field) => field.name === 'DurableId')) throw noIds(name);
  if (fields.some((field) => field.name === 'Id' && field.type === 'id')) return description;
  throw new AppError('invalid_request', `${name} has no Id that the connection's user may see, so its rows cannot be told apart.`);
}

/**
 * Sends a window's query once, for one row, so that what Salesforce refuses at every window is known before there is a job.
 * A query that takes too long shows nothing: windows that are too large are cut.
 * @throws AppError salesforce_refused, with Salesforce's own reason; invalid_request where rows have no Ids of their own
 */
export async function tryWindow(
  context: Context,
  connection: Connection,
  description: ObjectDescription,
  cursorField: string,
): Promise<void> {
  const { name, fields } = description;
  const client = context.salesforce(connection.id, AbortSignal.timeout(TRY_MS));
  const range = {
    objectName: name,
    cursorField,
    createdDate: fields.some((field) => field.name === 'CreatedDate'),
    cursorFrom: BEGINNING,
    cursorTo: await context.scheduleNow(),
    open: true,
    idFrom: null,
    idTo: null,
    nullCursor: false,
  };
  try {
    const id = await firstId(client, range);
    if (id && NO_ID.test(id)) throw noIds(name);
  } catch (error) {
    if (isTimeOut(error) || TOO_SLOW.has(refusalCode(error) ?? '')) {
      context.log.warn({ event: 'window_not_tried', object: name });
      return;
    }
    if (!isAppError(error) || error.code !== 'salesforce_refused') throw error;
    throw new AppError('salesforce_refused', `${name} cannot be imported by windows. ${error.message}`, {
      cause: error,
      details: error.details,
    });
  }
}

/**
 * Whether rows of an object may have no cursor. A describe's `nillable: false` is not to be relied on, except for SystemModstamp, which
 * Salesforce itself sets.
 * @throws AppError
 */
export async function mayLackCursor(
  context: Context,
  connection: Connection,
  { name, fields }: ObjectDescription,
  cursorField: string,
): Promise<boolean> {
  if (fields.some((field) => field.name === cursorField && field.nillable)) return true;
  const client = context.salesforce(connection.id, AbortSignal.timeout(TRY_MS));
  return cursorField !== 'SystemModstamp' && (await hasNullCursors(client, name, cursorField));
}

/** @throws AppError always: no stamp of the object can cut windows */
export function refuseWithoutCursor({ name, fields }: ObjectDescription): never {
  const seen = fields.map((field) => field.name).filter((field) => STAMPS.includes(field));
  const why =
    seen.length > 0
      ? `Salesforce does not filter it by ${seen.join(' or ')}`
      : "it has none of SystemModstamp, LastModifiedDate and CreatedDate, or the connection's user may not see them";
  throw new AppError('invalid_request', `${name} cannot be imported by windows: ${why}.`);
}

function noIds(name: string): AppError {
  return new AppError('invalid_request', `${name} cannot be imported: its rows have no Ids of their own. Choose another object.`);
}

async function describe(context: Context, connection: Connection, objectName: string): Promise<ObjectDescription> {
  try {
    return await describeObject(context.salesforce(connection.id), objectName);
  } catch (error) {
    if (refusalCode(error) !== 'NOT_FOUND') throw error;
    throw new AppError(
      'not_found',
      `The org has no object ${objectName} that the connection's user may see: check object_name, which is an API name such as Account or Invoice__c.`,
    );
  }
}
