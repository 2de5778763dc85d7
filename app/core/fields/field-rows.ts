import { formatExcerpt } from '../excerpt.ts';
import type { KnownField } from './dictionary.ts';
import type { FIELD_COLUMNS, RowOfColumns } from './metadata-tables.ts';

/** A field of a job's dictionary. */
export interface JobField extends KnownField {
  readonly jobId: string;
  readonly objectName: string;
  readonly targetTable: string;
}

/** The row of `_fields`. */
export function toFieldRow(field: JobField): RowOfColumns<typeof FIELD_COLUMNS> {
  return {
    object: field.objectName,
    table_name: field.targetTable,
    field: field.field,
    column_name: field.columnName,
    column_type: field.columnType,
    hashed: field.hashed,
    label: field.label,
    type: field.type,
    help: field.help,
    formula: field.formula,
    picklist_values: field.picklist && formatExcerpt(field.picklist),
    refers_to: field.refersTo && formatExcerpt(field.refersTo),
    since: field.since.toISOString(),
    until: field.until?.toISOString() ?? null,
    job: field.jobId,
  };
}
