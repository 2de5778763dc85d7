/** The properties of a described field that qualify it as a cursor. */
interface Field {
  name: string;
  type: string;
  filterable: boolean;
}

/** The candidate cursor fields, best first. */
const CURSOR_FIELDS = ['SystemModstamp', 'LastModifiedDate', 'CreatedDate'];

/** Edits do not change this field: windows over it contain new rows only. */
export const CREATED_DATE = 'CreatedDate';

/**
 * The cursor field of an object, or undefined if none is filterable.
 * SystemModstamp comes first: every change updates it, it is indexed, and users cannot set it.
 */
export function chooseCursor(fields: readonly Field[]): string | undefined {
  return CURSOR_FIELDS.find((name) => canBeCursor(fields, name));
}

/** The cursor field of a job whose rows are compared by it: the repairs of a job without one replace its whole table. */
export function requireCursor({ objectName, cursorField }: { objectName: string; cursorField: string | null }): string {
  if (cursorField === null) throw new Error(`${objectName} has no cursor field.`);
  return cursorField;
}

/** Whether a field can be the cursor: a WHERE clause can compare it with a datetime. */
export function canBeCursor(fields: readonly Field[], name: string): boolean {
  return fields.some((field) => field.name === name && field.type === 'datetime' && field.filterable);
}
