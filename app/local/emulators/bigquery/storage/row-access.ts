// Row access policies: which rows of a table the caller may see.
import { ApiError, invalidQuery } from '../rest/api-error.ts';

/** The emulator's only caller. */
const CALLER = 'emulator@localhost';

/** Grantees that include the caller. */
const INCLUDES_CALLER = [`user:${CALLER}`, `serviceAccount:${CALLER}`, 'domain:localhost', 'allAuthenticatedUsers', 'allUsers'];

export interface RowAccessPolicy {
  policyId: string;
  /** A condition on the table's columns, as GoogleSQL text. */
  filterPredicate: string;
  grantees: string[];
  /** ms since 1970 */
  creationTime: number;
  lastModifiedTime: number;
}

export const isGranted = ({ grantees }: RowAccessPolicy) => grantees.some((grantee) => INCLUDES_CALLER.includes(grantee));

/** The conditions that select the caller's rows: a row needs one of them. Undefined: all rows, the table has no policies. */
export function filtersOf(policies: RowAccessPolicy[] | undefined): string[] | undefined {
  return policies?.length ? policies.filter(isGranted).map((policy) => policy.filterPredicate) : undefined;
}

/** Whether the caller sees every row: there are no policies, or one with the filter TRUE is granted to the caller. */
const seesAllRows = (filters: string[] | undefined) => !filters || filters.some((filter) => /^\s*\(*\s*true\s*\)*\s*$/i.test(filter));

/** What is no query, such as DML, needs the filter TRUE. Throws accessDenied. */
export function requireAllRows(key: string, filters: string[] | undefined): void {
  if (seesAllRows(filters)) return;
  throw new ApiError(
    'accessDenied',
    `Access Denied: Table ${key}: the table has row access policies, and none with the filter TRUE is granted to ${CALLER}`,
  );
}

export interface PolicyDefinition {
  name: string;
  /** The condition. */
  filter: string;
  grantees: string[];
  replace: boolean;
  ifNotExists: boolean;
}

/** A table's policies with one created or replaced, or unchanged if it may exist. `now` is ms since 1970. */
export function withPolicy(policies: RowAccessPolicy[], definition: PolicyDefinition, now: number): RowAccessPolicy[] {
  const { name, filter, grantees, replace, ifNotExists } = definition;
  const before = policies.find((policy) => policy.policyId === name);
  if (before && ifNotExists) return policies;
  if (before && !replace) throw new ApiError('duplicate', `Already Exists: Row access policy ${name}`);
  const policy = { policyId: name, filterPredicate: filter, grantees, creationTime: before?.creationTime ?? now, lastModifiedTime: now };
  return [...policies.filter((each) => each !== before), policy];
}

/** A table's policies without one of them, or, without a name, none. */
export function withoutPolicy(policies: RowAccessPolicy[], name: string | undefined, ifExists: boolean): RowAccessPolicy[] {
  if (name === undefined) return [];
  const rest = policies.filter((policy) => policy.policyId !== name);
  const isFound = rest.length < policies.length;
  if (!isFound && !ifExists) throw new ApiError('notFound', `Not found: Row access policy ${name}`);
  if (isFound && rest.length === 0) throw invalidQuery('The last row access policy must be dropped by DROP ALL ROW ACCESS POLICIES');
  return rest;
}
