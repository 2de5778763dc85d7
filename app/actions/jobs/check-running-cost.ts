import type { Context } from '../../context.ts';
import { settingOf } from '../../core/connections/quota.ts';
import { type Every, intervalMs } from '../../core/jobs/every.ts';
import {
  type CostLimits,
  type JobLoad,
  type RunningCost,
  runningCost,
  runningCostError,
  type TableSize,
} from '../../core/jobs/running-cost.ts';
import type { AppError } from '../../errors.ts';
import type { Connection } from '../../store/connections/connections.ts';
import { activeLoads } from '../../store/jobs/job-loads.ts';
import type { Job } from '../../store/jobs/jobs.ts';
import { countWeeklyChanges } from './check-object.ts';

/** A job that is about to be created, or to get another `every`. */
export interface JobToCheck extends Pick<Job, 'objectName' | 'cursorField' | 'cursorNillable' | 'partitioned' | 'history'> {
  /** how often its windows would close */
  every: Every;
  table: Omit<TableSize, 'partitioned' | 'history'>;
  /** the job as it is; undefined: it does not exist yet */
  existing?: Pick<Job, 'id' | 'every'>;
}

/** What a job's windows cost on a day with usual changes. */
export interface EstimatedCost extends RunningCost {
  /** for `saveWeeklyChanges`; null: not counted */
  weeklyChanges: number | null;
  load: JobLoad;
  /** of the org's other active jobs */
  others: readonly JobLoad[];
  limits: CostLimits;
  /** salesforce_quota or bigquery_budget, if the job may not cost so much */
  refusal: AppError | undefined;
}

/**
 * Estimates what a job's windows cost per day, and whether they need more calls, together with the org's other active jobs, than API_SHARE,
 * or more bytes than the job's daily budget. An existing job is not refused if its interval does not become shorter. Calls Salesforce once
 * at most. Concurrent checks do not see each other: runs that exceed the limits are deferred in any case.
 * @throws AppError the errors of a call to Salesforce
 */
export async function estimateRunningCost(context: Context, connection: Connection, job: JobToCheck): Promise<EstimatedCost> {
  const { config, database } = context;
  const { objectName, every, cursorField, cursorNillable, partitioned, history, existing } = job;
  // Changes hardly matter for daily windows, which need a few calls, and merge all of a table that is not partitioned.
  const isCounted = cursorField !== null && (every !== 'day' || partitioned);
  const weeklyChanges = isCounted ? await countWeeklyChanges(context, connection, objectName, cursorField) : null;
  const planned = { objectName, load: { every, cursorNillable, weeklyChanges }, table: { ...job.table, partitioned, history } };
  const limits = {
    orgCalls: (await context.calls.quota(connection.orgId)).reported?.limit,
    apiShare: connection.apiShare ?? config.apiShare,
    shareSetting: settingOf(connection),
    bytesBilled: config.bigquery.dailyBytesPerJob,
    overlapMinutes: config.overlapMinutes,
  };
  const others = await activeLoads(database, connection.orgId, existing?.id);
  const isChecked = !existing || intervalMs(every) < intervalMs(existing.every);
  const refusal = isChecked ? runningCostError(planned, others, limits) : undefined;
  return { ...runningCost(planned, config.overlapMinutes), weeklyChanges, load: planned.load, others, limits, refusal };
}

/**
 * Rejects a job whose windows would cost too much.
 * @returns the cost on a day with usual changes
 * @throws AppError salesforce_quota, bigquery_budget, and the errors of a call to Salesforce
 */
export async function checkRunningCost(context: Context, connection: Connection, job: JobToCheck): Promise<EstimatedCost> {
  const cost = await estimateRunningCost(context, connection, job);
  if (cost.refusal) throw cost.refusal;
  return cost;
}
