/** Initial rows of each large object, for an org with this many accounts. */
export interface RowCounts {
  Account: number;
  AccountHistory: number;
  Case: number;
  Contact: number;
  Everything__c: number;
  Lead: number;
  Opportunity: number;
  Task: number;
}

/** The number of rows of each object in an org of this size, unless overridden. */
export function rowCounts(size: number, overrides: Partial<RowCounts> = {}): RowCounts {
  const share = (of: number): number => Math.ceil(size * of);
  return {
    Account: size,
    AccountHistory: share(2),
    Case: share(0.6),
    Contact: share(1.5),
    Everything__c: size,
    Lead: share(0.5),
    Opportunity: share(0.8),
    Task: size,
    ...overrides,
  };
}
