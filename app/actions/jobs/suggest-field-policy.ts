import type { Context } from '../../context.ts';
import { columnsOf } from '../../core/fields/columns.ts';
import { chooseCursor } from '../../core/fields/cursor.ts';
import { canBeListed } from '../../core/fields/field-policy.ts';
import { type FieldClassification, readFieldClassifications } from '../../salesforce/field-classification.ts';
import type { Connection } from '../../store/connections/connections.ts';
import { describeImportableObject } from './check-object.ts';

/** A field that an org's admins have classified as sensitive, and what to do about it. */
export interface SuggestedField extends FieldClassification {
  label: string;
  suggestion: 'exclude' | 'hash';
}

export interface SuggestedPolicy {
  objectName: string;
  /** undefined: the connection's user may not read the classification */
  fields: SuggestedField[] | undefined;
}

/** What to answer if the classification cannot be read. */
export const NOT_READABLE =
  "The connection's user may not read how fields are classified (FieldDefinition). Grant it the permission View Setup and Configuration.";

/** Salesforce's default values that mean no harm. */
const HARMLESS = new Set(['Public', 'Internal']);

/** Its values for what only few may see. Others, also an org's own ones, suggest a hash: the values can still be joined. */
const RESTRICTED = new Set(['Restricted', 'MissionCritical']);

/**
 * Suggests which fields of an object to exclude or hash, by Salesforce's own classification of their data. Lists only fields that the
 * connection's user sees, because no job reads others. Two calls.
 * @throws AppError not_found, invalid_request, and the errors of a call to Salesforce
 */
export async function suggestFieldPolicy(context: Context, connection: Connection, objectName: string): Promise<SuggestedPolicy> {
  const { name, fields } = await describeImportableObject(context, connection, objectName);
  const classified = await readFieldClassifications(context.salesforce(connection.id), name);
  if (!classified) return { objectName: name, fields: undefined };
  const read = new Set(columnsOf(fields).map(({ field }) => field));
  const labels = new Map(fields.map((field) => [field.name, field.label]));
  const cursorField = chooseCursor(fields) ?? null;
  return {
    objectName: name,
    fields: classified
      .filter(({ field, security, compliance }) => {
        const isSensitive = (security !== null && !HARMLESS.has(security)) || compliance.length > 0;
        return isSensitive && read.has(field) && canBeListed(field, cursorField);
      })
      .map((found) => ({
        ...found,
        label: labels.get(found.field)!,
        suggestion: found.security !== null && RESTRICTED.has(found.security) ? 'exclude' : 'hash',
      })),
  };
}
