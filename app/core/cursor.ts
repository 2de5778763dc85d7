/** What of a described field the choice needs. */
interface Field {
  name: string;
  type: string;
  filterable: boolean;
}

/** The stamps that can cut windows, the best first. */
export const STAMPS = ['SystemModstamp', 'LastModifiedDate', 'CreatedDate'];

/** The stamp that no edit moves: windows by it see new rows only. */
export const CREATED_STAMP = 'CreatedDate';

/**
 * The field by which an object's windows are cut, or undefined where none can be filtered by.
 * SystemModstamp first: it moves with every change, is indexed, and cannot be set by a user.
 */
export function chooseCursor(fields: readonly Field[]): string | undefined {
  return STAMPS.find((name) => canCutWindows(fields, name));
}

/** Whether windows can be cut by a field: a WHERE clause may compare it with a datetime. */
export function canCutWindows(fields: readonly Field[], name: string): boolean {
  return fields.some((field) => field.name === name && field.type === 'datetime' && field.filterable);
}
