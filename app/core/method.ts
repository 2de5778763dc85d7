/** Which of Salesforce's APIs reads a slice. */
export type Method = 'rest' | 'bulk';

export interface Choice {
  method: Method;
  /** why, for whoever looks at the run */
  reason: string;
}

/**
 * Chooses by how many rows there are.
 * @param restRows the most that REST reads
 * @param bulkRefused the code with which Bulk refused this object before
 */
export function chooseMethod(rows: number, restRows: number, bulkRefused: string | null): Choice {
  if (bulkRefused) return { method: 'rest', reason: `Bulk refuses the object (${bulkRefused})` };
  if (rows <= restRows) return { method: 'rest', reason: `${rows} rows, not more than ${restRows}` };
  return { method: 'bulk', reason: `${rows} rows, more than ${restRows}` };
}
