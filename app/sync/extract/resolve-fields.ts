import { findTargetTable, type TargetIdentity } from '../../bigquery/tables/tables.ts';
import type { Context } from '../../context.ts';
import { columnsOf, type DescribedField, type FieldColumn, unknownFields } from '../../core/fields/columns.ts';
import { type Drift, dropField, NO_DRIFT, resolveDrift } from '../../core/fields/drift.ts';
import { emptiedColumns } from '../../core/fields/field-columns.ts';
import {
  applyPlan,
  describeSkippedField,
  type FieldPlan,
  groupOf,
  splitGroup,
  withGroups,
  withRefused,
} from '../../core/fields/field-groups.ts';
import { applyPolicy } from '../../core/fields/field-policy.ts';
import { PARTITION_FIELD } from '../../core/fields/partitioning.ts';
import { saltName } from '../../core/fields/salt-name.ts';
import { sweepColumns, sweepKeys } from '../../core/fields/sweep-fields.ts';
import { AppError } from '../../errors.ts';
import type { SalesforceClient } from '../../salesforce/client.ts';
import { type FieldRefusal, findRefusedField } from '../../salesforce/field-refusal.ts';
import { readBackfill, readFieldColumns } from '../../store/jobs/field-columns.ts';
import { changeFields, type RunFields, replaceFields, saveFieldPlan } from '../../store/runs/run-fields.ts';
import type { Run } from '../../store/runs/runs.ts';
import { targetTable } from '../names.ts';
import { requireSalt } from '../require-salt.ts';
import type { Extraction, FieldsRejected, Seen } from './extraction.ts';
import { recordDescribed, recordDictionary } from './record-described.ts';
import { requireQuota } from './require-quota.ts';

/** A run with the fields that it reads. */
export interface ResolvedRun {
  run: Run;
  /** undefined if they were not compared with the org and the target table */
  seen: Seen | undefined;
}

/**
 * Decides which fields a run reads and which columns receive them, unless an earlier attempt did. The last known fields suffice until there
 * are rows; if none are known, describes the object.
 */
export async function resolveFields(context: Context, client: SalesforceClient, run: Run): Promise<ResolvedRun> {
  if (run.columns) return { run, seen: undefined };
  const known = context.describes.cached(run.job.connectionId, run.job.objectName);
  if (known) return await resolveKnown(context, run, known.fields);
  return await resolveDescribed(context, run, await describe(context, client, run));
}

/**
 * Resolves the fields of a run again. After they were described for the run, fields are only removed, so that staged tables stay valid.
 * @throws AppError if rows could no longer be matched or ordered, or if no field can be left out
 */
export async function resolveAgain(extraction: Extraction, cause: FieldsRejected): Promise<ResolvedRun> {
  const { context, run } = extraction;
  if (cause.kind === 'fields-changed') return await resolveDescribed(context, run, cause.fields);
  const { refusal, group, error } = cause;
  context.events.fieldsRefused(run, refusal.code, group);
  if (refusal.code === 'QUERY_TOO_COMPLICATED') return await divide(extraction, group, error);
  return await leaveRefusedField(extraction, refusal, error);
}

async function describe(context: Context, client: SalesforceClient, run: Run): Promise<DescribedField[]> {
  await requireQuota(context, run);
  return (await context.describes.get(client, run.job.connectionId, run.job.objectName, run.grantedAt)).fields;
}

async function resolveDescribed(context: Context, run: Run, fields: readonly DescribedField[]): Promise<ResolvedRun> {
  const { run: resolved, seen } = await resolve(context, run, fields);
  return { run: await recordDescribed(context, resolved, seen), seen };
}

async function resolveKnown(context: Context, run: Run, fields: readonly DescribedField[]): Promise<ResolvedRun> {
  const { run: resolved, seen } = await resolve(context, run, fields);
  // A table without rows is described, too.
  if (run.job.targetCreatedAt === null) await recordDictionary(context, resolved, seen);
  return { run: resolved, seen };
}

async function resolve(context: Context, run: Run, fields: readonly DescribedField[]): Promise<{ run: Run; seen: Seen }> {
  const { hashSalt } = context.config;
  const { columns: allowed, pending } = applyPolicy(columnsOf(fields), run.job, hashSalt && saltName(hashSalt));
  requireSalt(context, allowed);
  const { columns: wanted, skipped: refused } = applyPlan(allowed, run.job.fieldPlan, new Date());
  requireNeeded(run, wanted);
  const table = await findTargetTable(context.warehouse, targetIdentity(context, run));
  const { columns, drift } = resolveDrift(wanted, table?.columns, run.job.cursorField);
  const skipped = [...unknownFields(fields), ...refused];
  const resolved = await fieldsOfPass(context, run, columns, { ...drift, skipped, pending });
  return { run: await replaceFields(context.database, run, resolved), seen: { fields, columns, table } };
}

/** A sweep reads only the fields that it compares or updates. */
async function fieldsOfPass(context: Context, run: Run, columns: FieldColumn[], drift: Omit<Drift, 'emptied'>): Promise<RunFields> {
  if (run.pass.kind !== 'sweep') return { columns, drift: await withEmptied(context, run, columns, drift) };
  const backfill = Object.keys(await readBackfill(context.database, run.job.id));
  return { columns: sweepColumns(columns, drift, sweepKeys(run.job), backfill), drift: NO_DRIFT };
}

async function withEmptied(context: Context, run: Run, columns: FieldColumn[], drift: Omit<Drift, 'emptied'>): Promise<Drift> {
  return { ...drift, emptied: emptiedColumns(await readFieldColumns(context.database, run), columns, drift.orphaned) };
}

export function targetIdentity(context: Context, { job, pass }: Run): TargetIdentity {
  return { name: targetTable(context, job), jobId: job.id, createdAt: job.targetCreatedAt, rebuilding: pass.kind === 'rebuild' };
}

/** The fields needed to match, order, partition, or remove rows. */
function neededFields({ job }: Run): string[] {
  return [
    'Id',
    ...(job.cursorField === null ? [] : [job.cursorField]),
    ...(job.partitioned ? [PARTITION_FIELD] : []),
    ...(job.deletes === 'keep' ? [] : ['IsDeleted']),
  ];
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
async function leaveRefusedField(extraction: Extraction, refusal: FieldRefusal, error: unknown): Promise<ResolvedRun> {
  const { context, client, run, columns } = extraction;
  const { connectionId, objectName, fieldPlan } = run.job;
  // Do not rely on Last-Modified: a change of field-level security may not update it.
  context.describes.forget(connectionId, objectName);
  const fields = await describe(context, client, run);
  const listed = new Set(fields.map(({ name }) => name.toLowerCase()));
  const lost = columns.filter(({ field }) => !listed.has(field.toLowerCase())).map(({ field }) => field);
  if (lost.length > 0) return run.described ? await dropLost(context, run, lost) : await resolveDescribed(context, run, fields);
  const names = columns.map(({ field }) => field);
  const refused = findRefusedField(refusal, names, objectName);
  if (refused === undefined || neededFields(run).includes(refused)) throw error;
  const plan = withRefused(fieldPlan, refused, refusal.code, new Date());
  if (run.described) return { run: await drop(context, run, refused, plan, refusal.code), seen: undefined };
  return await resolveDescribed(context, await saveFieldPlan(context.database, run, plan), fields);
}

async function dropLost(context: Context, run: Run, fields: readonly string[]): Promise<ResolvedRun> {
  let left = run;
  for (const field of fields) left = await drop(context, left, field, run.job.fieldPlan);
  return { run: left, seen: undefined };
}

/** @param reason why a described field is not read; undefined: the field is no longer described */
async function drop(context: Context, run: Run, field: string, plan: FieldPlan, reason?: string): Promise<Run> {
  const dropped = run.columns!.find((column) => column.field === field)!;
  const { columns, drift: left } = dropField({ columns: run.columns!, drift: run.drift }, dropped, run.job.targetCreatedAt !== null);
  requireNeeded(run, columns);
  const drift = await withEmptied(context, run, columns, left);
  return await changeFields(context.database, run, {
    columns,
    drift: reason === undefined ? drift : { ...drift, skipped: [...drift.skipped, describeSkippedField(field, reason)] },
    plan,
    group: groupOf(dropped),
  });
}

/** Splits a group that is too complicated for one query; leaves out a field that is too complicated on its own. */
async function divide({ context, run, columns }: Extraction, group: number, error: unknown): Promise<ResolvedRun> {
  const { cursorField, fieldPlan } = run.job;
  const split = splitGroup(columns, group, cursorField);
  if (split.kind === 'indivisible') throw error;
  if (split.kind === 'alone') {
    const reason = 'QUERY_TOO_COMPLICATED';
    const plan = withRefused(fieldPlan, split.field, reason, new Date());
    return { run: await drop(context, run, split.field, plan, reason), seen: undefined };
  }
  const plan = withGroups(fieldPlan, split.columns);
  const change = { columns: split.columns, drift: run.drift, plan, group, newGroup: split.newGroup };
  return { run: await changeFields(context.database, run, change), seen: undefined };
}
