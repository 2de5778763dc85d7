import type { Role } from '../config.ts';
import type { Context } from '../context.ts';
import { parseIdentityUrl } from '../core/identity.ts';
import { AppError } from '../errors.ts';
import { type Connection, findConnection } from '../store/connections.ts';
import { findJob, type Job } from '../store/jobs.ts';
import type { Caller } from './auth.ts';
import type { Fields } from './fields.ts';

/** A path of the API: who may call it, what it takes, and what it answers. */
export interface Endpoint {
  /** also its path */
  name: string;
  /** state-changing endpoints are answered to GET as well, as the contract's curl lines have it */
  methods: readonly ('GET' | 'POST')[];
  roles: readonly Role[];
  required: readonly string[];
  optional: readonly string[];
  /** @returns plain text, or what is to be sent as JSON: where there is a choice, `wantsJson` says which the caller prefers */
  answer(context: Context, fields: Fields, caller: Caller, wantsJson: boolean): Promise<string | object>;
}

/** The connection of a user_id field. @throws AppError not_found */
export async function requireConnection(context: Context, userId: string): Promise<Connection> {
  const identity = parseIdentityUrl(userId);
  if (!identity) {
    throw new AppError(
      'invalid_request',
      'user_id must be the URL that login_oauth_callback gave, https://login.salesforce.com/id/<org>/<user>.',
    );
  }
  const connection = await findConnection(context.database, identity);
  if (!connection) throw new AppError('not_found', 'No connection has this user_id: call get_oauth_url and login_oauth_callback first.');
  return connection;
}

/** The object_name field, as far as it can be one. @throws AppError invalid_request */
export function requireObjectName(objectName: string): string {
  if (/^[A-Za-z][A-Za-z0-9_]{0,79}$/.test(objectName)) return objectName;
  throw new AppError('invalid_request', 'object_name must be an API name such as Account or Invoice__c.');
}

/** The job of the fields user_id and object_name. @throws AppError not_found */
export async function requireJob(context: Context, fields: Fields): Promise<Job> {
  const connection = await requireConnection(context, fields.user_id!);
  const objectName = requireObjectName(fields.object_name!);
  const job = await findJob(context.database, connection.id, objectName);
  if (job) return job;
  throw new AppError('not_found', `This connection has no job for ${objectName}: make one with create_importing_job.`);
}
