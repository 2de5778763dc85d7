import type { FieldColumn } from './columns.ts';

/**
 * Field groups: if one query cannot select all fields of an object, they are divided into groups, each with its own queries. Rows and
 * cursor values come from the base group. A group of calculated fields joins it by Id; any other group joins by Id and cursor.
 */
export const BASE_GROUP = 0;

/** What refused queries revealed about an object's fields. Stored with the job, so that later runs do not repeat those queries. */
export interface FieldPlan {
  /** the fields outside the base group, with their groups */
  groups: Record<string, number>;
  /** fields that describe lists but SOQL refuses: Salesforce's error code, and when it occurred (ISO 8601) */
  refused: Record<string, { reason: string; at: string }>;
}

export const EMPTY_PLAN: FieldPlan = { groups: {}, refused: {} };

/** Request a refused field again after a day: an admin may have fixed it. */
const RETRY_REFUSED_AFTER_MS = 24 * 60 * 60 * 1000;

/** Whether a field is left out because of a refusal. */
export function isRefused<R extends { at: string }>(refusal: R | undefined, now: Date): refusal is R {
  return refusal !== undefined && now.getTime() - Date.parse(refusal.at) < RETRY_REFUSED_AFTER_MS;
}

/** Assigns each column its group and leaves out the fields that Salesforce refused within the last day. */
export function applyPlan(columns: readonly FieldColumn[], plan: FieldPlan, now: Date): { columns: FieldColumn[]; skipped: string[] } {
  const groups = new Map(Object.entries(plan.groups));
  const refused = new Map(Object.entries(plan.refused).filter(([, refusal]) => isRefused(refusal, now)));
  const ofCalculated = columns.flatMap(({ field, calculated }) => (calculated && groups.has(field) ? [groups.get(field)!] : []));
  // A new calculated field joins the group of the others.
  const forNew = ofCalculated.length > 0 ? Math.min(...ofCalculated) : BASE_GROUP;
  const inGroup = (column: FieldColumn): FieldColumn => {
    const group = groups.get(column.field) ?? (column.calculated ? forNew : BASE_GROUP);
    return group === BASE_GROUP ? column : { ...column, group };
  };
  return {
    columns: columns.filter(({ field }) => !refused.has(field)).map(inGroup),
    skipped: columns.flatMap(({ field }) => (refused.has(field) ? [describeSkippedField(field, refused.get(field)!.reason)] : [])),
  };
}

/** How a receipt names a field that is not read. */
export function describeSkippedField(field: string, reason: string): string {
  return `${field} (${reason})`;
}

/** The plan with the groups of these columns. */
export function withGroups(plan: FieldPlan, columns: readonly FieldColumn[]): FieldPlan {
  const groups = columns.flatMap((column) => (groupOf(column) === BASE_GROUP ? [] : [[column.field, groupOf(column)] as const]));
  return { ...plan, groups: { ...plan.groups, ...Object.fromEntries(groups) } };
}

/** The plan with this field marked as refused now. */
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

/** The fields that a group's queries select, in column order. Every group includes Id and, if there is one, the cursor. */
export function fieldsInGroup(columns: readonly FieldColumn[], group: number, cursorField: string | null): string[] {
  const own = columns.filter((column) => groupOf(column) === group).map(({ field }) => field);
  return group === BASE_GROUP ? own : ['Id', ...(cursorField === null ? [] : [cursorField]), ...own];
}

/** Whether a group's values belong to one version of the row, so that its rows must match the base group's cursor values. */
export function isJoinedByCursor(columns: readonly FieldColumn[], group: number): boolean {
  return group !== BASE_GROUP && columns.some((column) => groupOf(column) === group && !column.calculated);
}

/** How to handle a group that is too complicated for one query. */
export type GroupSplit =
  /** some of its fields moved to a new group */
  | { kind: 'divided'; columns: FieldColumn[]; newGroup: number }
  /** its only field is too complicated on its own */
  | { kind: 'alone'; field: string }
  /** it has no field that can be left out */
  | { kind: 'indivisible' };

/** Splits a group: its calculated fields move to a new group; if it is not mixed, the second half of its fields does. */
export function splitGroup(columns: readonly FieldColumn[], group: number, cursorField: string | null): GroupSplit {
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
