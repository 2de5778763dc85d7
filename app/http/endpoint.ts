import { requireConnection } from '../actions/require-connection.ts';
import type { Role } from '../config.ts';
import type { Context } from '../context.ts';
import { isRunId } from '../core/run-id.ts';
import { AppError } from '../errors.ts';
import { findJob, type Job } from '../store/jobs.ts';
import type { Caller } from './auth.ts';
import type { Fields } from './fields.ts';

/** An API endpoint: who may call it, its fields and its response. */
export interface Endpoint {
  /** also its path, which endpoints with other methods may share; a parameter in braces is passed to `handle` like a field */
  name: string;
  /** the contract's state-changing endpoints accept GET too, as in its curl examples */
  methods: readonly ('GET' | 'POST' | 'PATCH' | 'DELETE')[];
  roles: readonly Role[];
  required: readonly string[];
  optional: readonly string[];
  /** of the body; undefined: the usual limit */
  maxBytes?: number;
  /**
   * @param wantsJson whether the caller prefers JSON
   * @param closed aborts when the connection closes
   * @returns a plain text response, or an object to send as JSON
   */
  handle(context: Context, fields: Fields, caller: Caller, wantsJson: boolean, closed: AbortSignal): Promise<string | object>;
}

/** Checks the syntax of an object_name field. @throws AppError invalid_request */
export function requireObjectName(objectName: string): string {
  if (/^[A-Za-z][A-Za-z0-9_]{0,79}$/.test(objectName)) return objectName;
  throw new AppError('invalid_request', 'object_name must be an API name, for example Account or Invoice__c.');
}

/** Checks the syntax of a run's id. @throws AppError invalid_request */
export function requireRunId(text: string): string {
  if (isRunId(text)) return text;
  throw new AppError('invalid_request', 'The run id in the path must be a UUID. Take it from /jobs.');
}

/** Checks the syntax of a job's id. @throws AppError invalid_request */
export function requireJobId(text: string): string {
  if (isRunId(text)) return text;
  throw new AppError('invalid_request', 'The job id in the path must be a UUID. Take it from /jobs.');
}

/** The job of the fields user_id and object_name. @throws AppError not_found */
export async function requireJob(context: Context, fields: Fields): Promise<Job> {
  const connection = await requireConnection(context, fields.user_id!);
  const objectName = requireObjectName(fields.object_name!);
  const job = await findJob(context.database, connection.id, objectName);
  if (job) return job;
  throw new AppError('not_found', `This connection has no job for ${objectName}. Create one with create_importing_job.`);
}
