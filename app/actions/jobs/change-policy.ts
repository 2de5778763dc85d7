import type { Context } from '../../context.ts';
import { columnsOf, type DescribedField } from '../../core/fields/columns.ts';
import { clearedFields, matchingFields, parsePatterns, requireApplicable } from '../../core/fields/field-policy.ts';
import { AppError } from '../../errors.ts';
import type { JobChanges } from '../../store/jobs/change-job.ts';
import { readJobFields } from '../../store/jobs/field-columns.ts';
import type { Job } from '../../store/jobs/jobs.ts';
import { describeImportableObject } from './check-object.ts';
import { approvedFields, requireHashSalt } from './choose-policy.ts';

/** What a change of a job's policy requires. */
export interface PolicyChange {
  /** with the approved fields, if these change */
  changes: JobChanges;
  /** fields whose values so far must be erased */
  clear: readonly string[];
  /** those of them that the job still reads */
  refill: readonly string[];
}

/**
 * Checks the changes of a job's policy against the fields of its object.
 * @param approve a list of fields to approve, as the caller wrote it
 * @throws AppError invalid_request, and the errors of a describe
 */
export async function planPolicyChange(
  context: Context,
  job: Job,
  changes: JobChanges,
  approve: string | undefined,
): Promise<PolicyChange> {
  const { excludeFields, hashFields, newFields } = changes;
  if (!excludeFields && !hashFields && !newFields && approve === undefined) return { changes, clear: [], refill: [] };
  const { fields } = await describeImportableObject(context, { id: job.connectionId }, job.objectName);
  const added = (list: readonly string[], before: readonly string[]): string[] => list.filter((pattern) => !before.includes(pattern));
  if (excludeFields) requireApplicable('exclude_fields', { own: added(excludeFields, job.excludeFields), all: excludeFields }, job, fields);
  if (hashFields) {
    requireApplicable('hash_fields', { own: added(hashFields, job.hashFields), all: hashFields }, job, fields);
    requireHashSalt(context, hashFields);
  }
  const after = { ...changes, ...approvals(job, changes, approve, fields) };
  const names = columnsOf(fields).map(({ field }) => field);
  return { changes: after, ...clearedFields(job, { ...job, ...after }, names, await readJobFields(context.database, job.id)) };
}

function approvals(job: Job, { newFields }: JobChanges, approve: string | undefined, fields: readonly DescribedField[]): JobChanges {
  if (newFields === 'add' && approve === undefined) return { approvedFields: null };
  const before = newFields === 'review' ? approvedFields(fields) : job.approvedFields;
  if (approve === undefined) return newFields ? { approvedFields: before } : {};
  if (newFields === 'add' || !before) {
    throw new AppError(
      'invalid_request',
      'approve_fields is for jobs with new_fields=review. The other ones read new fields by themselves.',
    );
  }
  const names = columnsOf(fields).map(({ field }) => field);
  const { found, unknown } = matchingFields(parsePatterns('approve_fields', approve), job.objectName, names);
  if (unknown.length > 0) {
    throw new AppError(
      'invalid_request',
      `approve_fields contains ${unknown[0]}, which matches no field of ${job.objectName} that the connection's user sees. The receipt of the latest window lists those that await approval as fields_pending.`,
    );
  }
  const more = found.filter((field) => !before.includes(field));
  return newFields || more.length > 0 ? { approvedFields: [...before, ...more] } : {};
}
