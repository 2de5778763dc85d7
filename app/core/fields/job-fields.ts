import { unreadReason } from './columns.ts';
import type { DictionaryField, KnownField } from './dictionary.ts';
import { type FieldPlan, isRefused } from './field-groups.ts';
import { type FieldsOfJob, treatmentsOf } from './field-policy.ts';

/** What a job does with a field of its object. */
export interface JobField {
  readonly name: string;
  readonly label: string;
  /** Salesforce's, with the size, for example currency(18, 2) */
  readonly type: string;
  /** the column of the target table; null: none */
  readonly column: string | null;
  readonly columnType: string | null;
  readonly treatment: 'read' | 'hashed' | 'excluded' | 'pending' | 'skipped';
  /** why it is not read as it is; null: it is */
  readonly reason: string | null;
}

const REASONS = {
  hashed: 'hash_fields lists it',
  excluded: 'exclude_fields lists it',
  pending: 'it appeared after the job was created, and awaits approve_fields',
};

/**
 * What a job does with each field of its object.
 * @param fields of its dictionary, or of an object that is described now
 * @param plan what refused queries revealed
 */
export function jobFields(
  fields: readonly (DictionaryField | KnownField)[],
  job: FieldsOfJob & { readonly fieldPlan: FieldPlan },
  now: Date,
): JobField[] {
  const treatment = treatmentsOf(job);
  return fields.map((field) => {
    const { field: name, label, type, columnName: column, columnType } = field;
    const shown = { name, label, type, column, columnType };
    const skipped = skippedReason(field, job.fieldPlan, now);
    if (skipped !== undefined) return { ...shown, treatment: 'skipped', reason: skipped };
    const treated = treatment(name);
    return { ...shown, treatment: treated, reason: treated === 'read' ? null : REASONS[treated] };
  });
}

/** Why a field cannot be read, whatever the policy; undefined: it can. */
function skippedReason(field: DictionaryField | KnownField, plan: FieldPlan, now: Date): string | undefined {
  if ('until' in field && field.until) return `hidden or deleted in Salesforce since ${field.until.toISOString().slice(0, 10)}`;
  const [type] = field.type.split('(');
  const refused = plan.refused[field.field];
  return unreadReason(type!) ?? (isRefused(refused, now) ? `Salesforce refuses to query it (${refused.reason})` : undefined);
}
