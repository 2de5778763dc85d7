import { findDefaultExpirations } from '../../bigquery/tables/datasets.ts';
import { getTable } from '../../bigquery/tables/table.ts';
import type { Context } from '../../context.ts';
import type { ApiUsage } from '../../core/connections/quota.ts';
import { columnsOf } from '../../core/fields/columns.ts';
import { dictionaryOf } from '../../core/fields/dictionary.ts';
import { EMPTY_PLAN } from '../../core/fields/field-groups.ts';
import { applyPolicy } from '../../core/fields/field-policy.ts';
import { type JobField, jobFields } from '../../core/fields/job-fields.ts';
import { estimateFirstImport, type FirstImport } from '../../core/jobs/first-import.ts';
import { queryDollars } from '../../core/jobs/monthly-cost.ts';
import { bytesPerMerge, dailyCalls } from '../../core/jobs/running-cost.ts';
import { rareTicksMessage, usualTickIntervalMs } from '../../core/jobs/tick-interval.ts';
import { MIN_DATE } from '../../core/runs/window.ts';
import type { AppError } from '../../errors.ts';
import type { Connection } from '../../store/connections/connections.ts';
import type { NewJob } from '../../store/jobs/jobs.ts';
import { recentTicks } from '../../store/jobs/ticks.ts';
import { targetTable } from '../../sync/names.ts';
import { countSince } from './check-object.ts';
import { findExistingJob } from './find-existing-job.ts';
import { type JobPlan, planJob, type WantedJob } from './plan-job.ts';
import { Refusals } from './refusals.ts';
import { checkTakeOver } from './take-over.ts';

/** What the creation of a job would do. */
export interface JobPreview {
  objectName: string;
  outcome: 'create' | 'exists' | 'take_over' | 'refused';
  /** of the job that exists; null: none */
  jobId: string | null;
  /** what refuses the creation: the errors with which it would fail */
  refusals: readonly AppError[];
  /** undefined: a job exists, or the object cannot be imported at all */
  planned: PlannedJob | undefined;
}

/** A job as it would be created, and what it would cost. Costs are estimates. */
export interface PlannedJob {
  job: NewJob;
  label: string;
  fields: readonly JobField[];
  /** of the object; null: unknown */
  rows: number | null;
  /** null: the number of its rows is unknown */
  firstImport: (FirstImport & { rows: number }) | null;
  perDay: { calls: number; bytesBilled: number; dollars: number };
  bytesPerMerge: number;
  quota: CallsAvailable;
  /** what the caller should know, in sentences */
  warnings: readonly string[];
}

/** The calls of an org that this service may make; null: Salesforce has not reported its limit recently. */
export interface CallsAvailable {
  /** by all clients in the last 24 hours, and the org's limit */
  reported: ApiUsage | null;
  /** per day, by API_SHARE or the connection's share */
  allowed: number | null;
  /** by this service in the last 24 hours */
  own: number;
  /** that the org's other active jobs need per day, by estimate */
  others: number;
}

/**
 * Shows what the creation of a job would do and cost, with the same checks. Writes nothing, in Postgres, Salesforce and BigQuery; the calls to
 * the org count like all others.
 * @throws AppError if a check could not be made
 */
export async function previewJob(context: Context, connection: Connection, wanted: WantedJob): Promise<JobPreview> {
  const { objectName } = wanted;
  const refusals = new Refusals();
  const found = await refusals.check(() => findExistingJob(context, connection, wanted));
  if (found?.kind === 'held') await refusals.check(() => checkTakeOver(context, connection, found.held, wanted.takeOver));
  const existing = found?.kind === 'held' ? found.held.job : found?.job;
  const isKnown = existing !== undefined || refusals.all.length > 0;
  const plan = isKnown ? undefined : await planJob(context, connection, wanted, refusals);
  const isRefused = refusals.all.length > 0;
  return {
    objectName: existing?.objectName ?? plan?.job.objectName ?? objectName,
    outcome: isRefused ? 'refused' : found === undefined ? 'create' : found.kind === 'own' ? 'exists' : 'take_over',
    jobId: existing?.id ?? null,
    refusals: refusals.all,
    planned: plan && (await describePlan(context, connection, plan)),
  };
}

async function describePlan(context: Context, connection: Connection, plan: JobPlan): Promise<PlannedJob> {
  const { job, description, table, cost } = plan;
  const rows = await countFirstRows(context, connection, plan);
  const first = estimateFirstImport({ ...job, rows, rowBytes: table.rowBytes, bulkRefused: null }, context.limits);
  const { columns } = applyPolicy(columnsOf(description.fields), job, undefined);
  const { partitioned, history } = job;
  return {
    job,
    label: description.label,
    fields: jobFields(dictionaryOf(description.fields, columns), { ...job, fieldPlan: EMPTY_PLAN }, new Date()),
    rows: plan.rows ?? (job.startDate.getTime() === MIN_DATE.getTime() ? rows : null),
    firstImport: first && rows !== null ? { ...first, rows } : null,
    perDay: { calls: cost.calls, bytesBilled: cost.bytesBilled, dollars: queryDollars(cost.bytesBilled) },
    bytesPerMerge: bytesPerMerge({ load: cost.load, table: { ...table, partitioned, history } }, cost.limits.overlapMinutes),
    quota: await readQuota(context, connection, plan),
    warnings: await findWarnings(context, plan, rows),
  };
}

/** The rows of the first import. Counted by Salesforce, unless it imports all rows, whose number Salesforce has estimated. */
async function countFirstRows(context: Context, connection: Connection, { job, rows }: JobPlan): Promise<number | null> {
  const isAll = job.cursorField === null || job.startDate.getTime() === MIN_DATE.getTime();
  if (isAll && rows !== null) return rows;
  return (await countSince(context, connection, job, job.startDate)) ?? rows;
}

async function readQuota({ calls }: Context, { orgId }: Connection, { cost }: JobPlan): Promise<CallsAvailable> {
  const { ownCalls, reported } = await calls.quota(orgId);
  return {
    reported: reported ?? null,
    allowed: reported ? Math.floor(reported.limit * cost.limits.apiShare) : null,
    own: ownCalls,
    others: dailyCalls(cost.others, cost.limits.overlapMinutes),
  };
}

/** What does not prevent the job, but may surprise. */
async function findWarnings(context: Context, { job, cost }: JobPlan, firstRows: number | null): Promise<string[]> {
  const { database, warehouse } = context;
  const { objectName, every, cursorField, targetDataset } = job;
  const rareTicks = rareTicksMessage(objectName, every, usualTickIntervalMs(await recentTicks(database)));
  const isCounted = cursorField !== null && (every !== 'day' || job.partitioned);
  const table = targetTable(context, job);
  const [found, defaults] = await Promise.all([getTable(warehouse, table), findDefaultExpirations(warehouse, targetDataset)]);
  return [
    ...(rareTicks === undefined ? [] : [rareTicks]),
    ...(found
      ? [
          `The table ${targetDataset}.${job.targetTable} exists already. The service does not write into it: rename or move it, or choose another dataset.`,
        ]
      : []),
    ...(defaults ? [`The dataset ${targetDataset} has default expirations. They do not apply to the service's own tables.`] : []),
    ...(cursorField === null
      ? [`${objectName} has no stamp to filter by, so each window reads all rows and replaces the whole table.`]
      : []),
    ...(firstRows === null ? [`Salesforce could not count the rows of ${objectName} in time, so its first import is not estimated.`] : []),
    ...(cost.weeklyChanges === null && isCounted
      ? ['The changes of the last week could not be counted, so the cost per day assumes changes in every window.']
      : []),
  ];
}
