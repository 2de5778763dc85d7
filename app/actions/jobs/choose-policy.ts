import type { Context } from '../../context.ts';
import { columnsOf, type DescribedField } from '../../core/fields/columns.ts';
import {
  containsAll,
  type DefaultPolicy,
  type FieldPolicy,
  type FieldsOfJob,
  policyOf,
  requireApplicable,
} from '../../core/fields/field-policy.ts';
import { AppError } from '../../errors.ts';
import type { ObjectDescription } from '../../salesforce/describe.ts';
import { readDefaultPolicy } from '../../store/jobs/default-policy.ts';
import type { Job } from '../../store/jobs/jobs.ts';

/** The policy of a new job: what its creator wants, and its connection's defaults. */
export async function choosePolicy(
  context: Context,
  connection: { readonly id: number },
  { name, fields }: ObjectDescription,
  wanted: Partial<FieldPolicy>,
): Promise<Omit<FieldsOfJob, 'objectName' | 'cursorField'>> {
  const policy = policyOf(name, wanted, await readDefaultPolicy(context.database, connection.id));
  return { ...policy, approvedFields: policy.newFields === 'review' ? approvedFields(fields) : null };
}

/**
 * Checks the policy of a new job.
 * @param wanted what its creator wants; `policy` has the defaults of the connection, too
 * @throws AppError invalid_request
 */
export function checkPolicy(
  context: Context,
  { name: objectName, fields }: ObjectDescription,
  cursorField: string | null,
  wanted: Partial<FieldPolicy>,
  policy: FieldPolicy,
): void {
  const object = { objectName, cursorField };
  requireApplicable('exclude_fields', { own: wanted.excludeFields ?? [], all: policy.excludeFields }, object, fields);
  requireApplicable('hash_fields', { own: wanted.hashFields ?? [], all: policy.hashFields }, object, fields);
  requireHashSalt(context, policy.hashFields);
}

/** @throws AppError invalid_request if fields are to be hashed without a salt */
export function requireHashSalt({ config }: Context, hashFields: readonly string[]): void {
  if (hashFields.length === 0 || config.hashSalt !== undefined) return;
  throw new AppError(
    'invalid_request',
    'hash_fields needs HASH_SALT, which is not set. Set it to a long random text, for example the output of `openssl rand -hex 32`, restart the service, then try again.',
  );
}

/** The fields that exist when the review of new ones starts. */
export function approvedFields(fields: readonly DescribedField[]): string[] {
  return columnsOf(fields).map(({ field }) => field);
}

/** What is wanted, without the lists of which an existing job has all entries: it may have more, by its connection's defaults. */
export function withoutContained<Wanted extends Partial<FieldPolicy>>(job: Job, wanted: Wanted): Partial<Wanted> {
  const { excludeFields = [], hashFields = [], ...others } = wanted;
  return {
    ...others,
    ...(!containsAll(job.excludeFields, excludeFields) && { excludeFields }),
    ...(!containsAll(job.hashFields, hashFields) && { hashFields }),
  } as Partial<Wanted>;
}

/** The part of a policy that the audit records; undefined: not changed. */
export function policyDetails({ excludeFields, hashFields, newFields }: Partial<FieldPolicy | DefaultPolicy>): Record<string, unknown> {
  return { exclude_fields: excludeFields, hash_fields: hashFields, new_fields: newFields };
}
