/** The properties of a described field that qualify it as a cursor. */
interface Field {
  name: string;
  type: string;
  filterable: boolean;
}

/** The candidate cursor fields, best first. */
export const CURSOR_FIELDS = ['SystemModstamp', 'LastModifiedDate', 'CreatedDate'];

/** Edits do not change this field: windows over it contain new rows only. */
export const CREATED_DATE = 'CreatedDate';

/**
 * The cursor field of an object, or undefined if none is filterable.
 * SystemModstamp comes first: every change updates it, it is indexed, and users cannot set it.
 */
export function chooseCursor(fields: readonly Field[]): string | undefined {
  return CURSOR_FIELDS.find((name) => canBeCursor(fields, name));
}

/** Whether a field can be the cursor: a WHERE clause can compare it with a datetime. */
export function canBeCursor(fields: readonly Field[], name: string): boolean {
  return fields.some((field) => field.name === name && field.type === 'datetime' && field.filterable);
}
