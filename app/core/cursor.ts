/** What of a described field the choice needs. */
interface Field {
  name: string;
  type: string;
}

const CANDIDATES = ['SystemModstamp', 'LastModifiedDate', 'CreatedDate'];

/**
 * The field by which an object's windows are cut, or undefined where it has none.
 * SystemModstamp first: it moves with every change, is indexed, and cannot be set by a user.
 */
export function chooseCursor(fields: readonly Field[]): string | undefined {
  const datetimes = new Set(fields.filter((field) => field.type === 'datetime').map((field) => field.name));
  return CANDIDATES.find((name) => datetimes.has(name));
}
