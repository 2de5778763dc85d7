/** Rows at the start of each object that has many, for an org of this many accounts. */
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

/** How many rows an org of this size has, unless told otherwise for single objects. */
export function rowCounts(size: number, told: Partial<RowCounts> = {}): RowCounts {
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
    ...told,
  };
}
