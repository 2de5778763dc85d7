/** Which of Salesforce's APIs reads a slice. */
export type Method = 'rest' | 'bulk';

export interface MethodChoice {
  method: Method;
  /** why, for the receipt */
  reason: string;
}

/**
 * Chooses the API by the number of rows.
 * @param restRows the maximum for REST
 * @param bulkRefused the error code with which Bulk refused this object earlier
 */
export function chooseMethod(rows: number, restRows: number, bulkRefused: string | null): MethodChoice {
  if (bulkRefused) return { method: 'rest', reason: `Bulk refuses the object (${bulkRefused})` };
  const [found, most] = [rows, restRows].map((number) => number.toLocaleString('en'));
  if (rows <= restRows) return { method: 'rest', reason: `${found} rows, at most ${most}` };
  return { method: 'bulk', reason: `${found} rows, more than ${most}` };
}
