import type { FieldColumn } from './columns.ts';

/**
 * Field groups: where Salesforce does not take all fields of an object in one query, each group of them has queries of its own. Rows and
 * their stamps come from the base group. A group of calculated fields is joined to it by Id, any other group by Id and cursor.
 */
export const BASE_GROUP = 0;

/** What Salesforce's refusals showed about an object's fields. Kept with the job, so that no later run repeats the refused queries. */
export interface FieldPlan {
  /** the fields outside of the base group, and their groups */
  groups: Record<string, number>;
  /** fields that describe lists and SOQL refuses: Salesforce's code, and when it was seen (ISO 8601) */
  refused: Record<string, { reason: string; at: string }>;
}

export const NO_PLAN: FieldPlan = { groups: {}, refused: {} };

/** A refused field is requested again after a day: an admin may have fixed it. */
const REFUSED_MS = 24 * 60 * 60 * 1000;

/** Puts each column into its group, and leaves out the fields that Salesforce refused in the last day. */
export function applyPlan(columns: readonly FieldColumn[], plan: FieldPlan, now: Date): { columns: FieldColumn[]; skipped: string[] } {
  const groups = new Map(Object.entries(plan.groups));
  const refused = new Map(Object.entries(plan.refused).filter(([, { at }]) => now.getTime() - Date.parse(at) < REFUSED_MS));
  const ofCalculated = columns.flatMap(({ field, calculated }) => (calculated && groups.has(field) ? [groups.get(field)!] : []));
  // A new calculated field joins the others.
  const forNew = ofCalculated.length > 0 ? Math.min(...ofCalculated) : BASE_GROUP;
  const inGroup = (column: FieldColumn): FieldColumn => {
    const group = groups.get(column.field) ?? (column.calculated ? forNew : BASE_GROUP);
    return group === BASE_GROUP ? column : { ...column, group };
  };
  return {
    columns: columns.filter(({ field }) => !refused.has(field)).map(inGroup),
    skipped: columns.flatMap(({ field }) => (refused.has(field) ? [skippedFields(field, refused.get(field)!.reason)] : [])),
  };
}

/** How a receipt names a field that is not read. */
export function skippedFields(field: string, reason: string): string {
  return `${field} (${reason})`;
}

/** The plan that has these columns in their groups. */
export function withGroups(plan: FieldPlan, columns: readonly FieldColumn[]): FieldPlan {
  const groups = columns.flatMap((column) => (groupOf(column) === BASE_GROUP ? [] : [[column.field, groupOf(column)] as const]));
  return { ...plan, groups: { ...plan.groups, ...Object.fromEntries(groups) } };
}

/** The plan that leaves out a field which Salesforce refused now. */
export function withRefused(plan: FieldPlan, field: string, reason: string, now: Date): FieldPlan {
  return { ...plan, refused: { ...plan.refused, [field]: { reason, at: now.toISOString() } } };
}

export function groupOf({ group }: FieldColumn): number {
  return group ?? BASE_GROUP;
}

/** The groups of these columns, the base group first. */
export function groupsOf(columns: readonly FieldColumn[]): number[] {
  return [...new Set([BASE_GROUP, ...columns.map(groupOf)])].sort((one, other) => one - other);
}

/** The fields that a group's queries select, in the order of their columns: each group has Id and cursor. */
export function fieldsOf(columns: readonly FieldColumn[], group: number, cursorField: string): string[] {
  const own = columns.filter((column) => groupOf(column) === group).map(({ field }) => field);
  return group === BASE_GROUP ? own : ['Id', cursorField, ...own];
}

/** Whether a group's values belong to one state of the row, so that its rows have to have the base group's stamps. */
export function isJoinedByCursor(columns: readonly FieldColumn[], group: number): boolean {
  return group !== BASE_GROUP && columns.some((column) => groupOf(column) === group && !column.calculated);
}

/** What is to become of a group that is too complicated for one query. */
export type Split =
  /** some of its fields are now in a group of their own */
  | { kind: 'divided'; columns: FieldColumn[]; newGroup: number }
  /** its only field is too complicated by itself */
  | { kind: 'alone'; field: string }
  /** it selects nothing that could be left out */
  | { kind: 'indivisible' };

/** Divides a group: its calculated fields leave the others; else the second half of its fields leaves the first. */
export function splitGroup(columns: readonly FieldColumn[], group: number, cursorField: string): Split {
  const keys = new Set(['Id', 'IsDeleted', 'CreatedDate', cursorField]);
  const own = columns.filter((column) => groupOf(column) === group);
  const movable = own.filter(({ field }) => !keys.has(field));
  const calculated = movable.filter((column) => column.calculated);
  if (movable.length === 0) return { kind: 'indivisible' };
  if (movable.length === 1 && own.length === 1) return { kind: 'alone', field: movable[0]!.field };
  const isMixed = calculated.length > 0 && calculated.length < own.length;
  const moved = new Set(isMixed ? calculated : movable.slice(movable.length >> 1));
  const newGroup = Math.max(...groupsOf(columns)) + 1;
  return { kind: 'divided', columns: columns.map((column) => (moved.has(column) ? { ...column, group: newGroup } : column)), newGroup };
}
