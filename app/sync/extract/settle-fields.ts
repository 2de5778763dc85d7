import { type FoundTable, findTargetTable, type TargetIdentity } from '../../bigquery/tables.ts';
import type { Context } from '../../context.ts';
import { columnsOf, type DescribedField, type FieldColumn, unknownFields } from '../../core/columns.ts';
import { dropField, resolveDrift } from '../../core/drift.ts';
import { applyPlan, describeSkippedField, type FieldPlan, groupOf, splitGroup, withGroups, withRefused } from '../../core/field-groups.ts';
import { PARTITION_FIELD } from '../../core/partitioning.ts';
import { AppError } from '../../errors.ts';
import type { SalesforceClient } from '../../salesforce/client.ts';
import { type FieldRefusal, findRefusedField } from '../../salesforce/field-refusal.ts';
import { type Run, saveDescribed, saveFieldPlan } from '../../store/runs.ts';
import { changeFields, replaceFields } from '../../store/slices.ts';
import { targetTable } from '../names.ts';
import type { Extraction } from './extraction.ts';
import { requireQuota } from './require-quota.ts';

/** Why the fields of a run must be settled again before its rows can be read. */
export type Unsettled =
  /** the fields described for this run differ from the last known ones */
  | { kind: 'described'; fields: DescribedField[] }
  /** Salesforce refused a query of one of their groups */
  | { kind: 'refused'; refusal: FieldRefusal; group: number; error: unknown };

/** The fields and the target table as they were when the run's fields were settled. */
export interface Seen {
  fields: readonly DescribedField[];
  table: FoundTable | undefined;
}

/**
 * Settles which fields a run reads and which columns receive them. The last known fields suffice until there are rows; if none are known,
 * describes the object.
 * @returns undefined if an earlier attempt settled them
 */
export async function settleFields(context: Context, client: SalesforceClient, run: Run): Promise<Seen | undefined> {
  if (run.columns) return undefined;
  const known = context.describes.cached(run.job.connectionId, run.job.objectName);
  if (known) return await settle(context, run, known.fields);
  return await settleDescribed(context, run, await describe(context, client, run));
}

/**
 * Settles the fields of a run again. After they were described for the run, fields are only removed, so that staged tables stay valid.
 * @returns undefined if only the run's own fields changed
 * @throws AppError if rows could no longer be matched or ordered, or if no field can be left out
 */
export async function settleAgain(extraction: Extraction, cause: Unsettled): Promise<Seen | undefined> {
  const { context, run } = extraction;
  if (cause.kind === 'described') return await settleDescribed(context, run, cause.fields);
  const { refusal, group, error } = cause;
  context.events.fieldsRefused(run, refusal.code, group);
  if (refusal.code === 'QUERY_TOO_COMPLICATED') return await divide(extraction, group, error);
  return await leaveRefusedField(extraction, refusal, error);
}

async function describe(context: Context, client: SalesforceClient, run: Run): Promise<DescribedField[]> {
  await requireQuota(context, run.orgId);
  return (await context.describes.get(client, run.job.connectionId, run.job.objectName, run.grantedAt)).fields;
}

async function settleDescribed(context: Context, run: Run, fields: readonly DescribedField[]): Promise<Seen> {
  const seen = await settle(context, run, fields);
  await saveDescribed(context.database, run);
  return seen;
}

async function settle(context: Context, run: Run, fields: readonly DescribedField[]): Promise<Seen> {
  const { columns: wanted, skipped: refused } = applyPlan(columnsOf(fields), run.job.fieldPlan, new Date());
  requireNeeded(run, wanted);
  const table = await findTargetTable(context.warehouse, targetIdentity(context, run));
  const { columns, drift } = resolveDrift(wanted, table?.columns, run.job.cursorField);
  await replaceFields(context.database, run, { columns, drift: { ...drift, skipped: [...unknownFields(fields), ...refused] } });
  return { fields, table };
}

export function targetIdentity(context: Context, { job }: Run): TargetIdentity {
  return { name: targetTable(context, job), jobId: job.id, createdAt: job.targetCreatedAt };
}

/** The fields needed to match, order, partition, or remove rows. */
function neededFields({ job }: Run): string[] {
  return ['Id', job.cursorField, ...(job.partitioned ? [PARTITION_FIELD] : []), ...(job.deletes === 'keep' ? [] : ['IsDeleted'])];
}

/** @throws AppError salesforce_refused */
function requireNeeded(run: Run, columns: readonly FieldColumn[]): void {
  const missing = neededFields(run).find((needed) => !columns.some(({ field }) => field === needed));
  if (missing === undefined) return;
  const { objectName } = run.job;
  throw new AppError(
    'salesforce_refused',
    `The connection's user no longer sees the field ${missing} of ${objectName}, which the import needs. Grant read access to it, then call handle_importing_job.`,
  );
}

/**
 * Leaves out the fields that describe no longer lists. If it lists them all, leaves out the field that Salesforce's message names. Does not
 * search any further: each guess would cost a call, and the cause may be another.
 */
async function leaveRefusedField(extraction: Extraction, refusal: FieldRefusal, error: unknown): Promise<Seen | undefined> {
  const { context, client, run, columns } = extraction;
  const { connectionId, objectName, fieldPlan } = run.job;
  // Do not rely on Last-Modified: a change of field-level security may not update it.
  context.describes.forget(connectionId, objectName);
  const fields = await describe(context, client, run);
  const listed = new Set(fields.map(({ name }) => name.toLowerCase()));
  const lost = columns.filter(({ field }) => !listed.has(field.toLowerCase())).map(({ field }) => field);
  if (lost.length > 0) {
    if (!run.described) return await settleDescribed(context, run, fields);
    for (const field of lost) await drop(extraction, field, fieldPlan);
    return undefined;
  }
  const names = columns.map(({ field }) => field);
  const refused = findRefusedField(refusal, names, objectName);
  if (refused === undefined || neededFields(run).includes(refused)) throw error;
  const plan = withRefused(fieldPlan, refused, refusal.code, new Date());
  if (run.described) return await drop(extraction, refused, plan, refusal.code);
  await saveFieldPlan(context.database, run, plan);
  run.job.fieldPlan = plan;
  return await settleDescribed(context, run, fields);
}

/** @param reason why a described field is not read; undefined: the field is no longer described */
async function drop({ context, run }: Extraction, field: string, plan: FieldPlan, reason?: string): Promise<undefined> {
  const dropped = run.columns!.find((column) => column.field === field)!;
  const { columns, drift } = dropField({ columns: run.columns!, drift: run.drift }, dropped, run.job.targetCreatedAt !== null);
  requireNeeded(run, columns);
  await changeFields(context.database, run, {
    columns,
    drift: reason === undefined ? drift : { ...drift, skipped: [...drift.skipped, describeSkippedField(field, reason)] },
    plan,
    group: groupOf(dropped),
  });
}

/** Splits a group that is too complicated for one query; leaves out a field that is too complicated on its own. */
async function divide(extraction: Extraction, group: number, error: unknown): Promise<undefined> {
  const { context, run, columns } = extraction;
  const { cursorField, fieldPlan } = run.job;
  const split = splitGroup(columns, group, cursorField);
  if (split.kind === 'indivisible') throw error;
  if (split.kind === 'alone') {
    const reason = 'QUERY_TOO_COMPLICATED';
    return await drop(extraction, split.field, withRefused(fieldPlan, split.field, reason, new Date()), reason);
  }
  const plan = withGroups(fieldPlan, split.columns);
  await changeFields(context.database, run, { columns: split.columns, drift: run.drift, plan, group, newGroup: split.newGroup });
  return undefined;
}
