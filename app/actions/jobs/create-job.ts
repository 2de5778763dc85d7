import { findDefaultExpirations, removeDefaultExpirationsCommand } from '../../bigquery/tables/datasets.ts';
import type { Context } from '../../context.ts';
import { jobMode } from '../../core/jobs/job-mode.ts';
import type { RunningCost } from '../../core/jobs/running-cost.ts';
import { formatStartDate } from '../../core/jobs/start-date.ts';
import { AppError } from '../../errors.ts';
import { aboutJob, insertChange } from '../../store/audit.ts';
import type { Connection } from '../../store/connections/connections.ts';
import { transaction } from '../../store/database.ts';
import { saveWeeklyChanges } from '../../store/jobs/job-loads.ts';
import { insertJob, type Job } from '../../store/jobs/jobs.ts';
import { deleteRefusedObject, saveRefusedObject } from '../../store/jobs/refused-objects.ts';
import { policyDetails } from './choose-policy.ts';
import { findExistingJob } from './find-existing-job.ts';
import { type JobPlan, type JobRequest, planJob, readJobRequest, type WantedJob } from './plan-job.ts';
import { Refusals } from './refusals.ts';
import { takeOver } from './take-over.ts';

/** A requested job. */
export interface RequestedJob {
  job: Job;
  outcome: 'created' | 'existed' | 'taken_over';
  /** what its windows cost on a day with usual changes; undefined: it existed before, so this was not estimated */
  cost: RunningCost | undefined;
}

/**
 * Creates a job, returns an identical existing one, or takes over the job of another user of the org. Checks everything before it writes.
 * @param by who requested it
 * @throws AppError invalid_request, not_found, conflict, salesforce_refused, salesforce_quota or bigquery_budget if its windows would cost
 * too much, and the errors of a describe
 */
export async function createJob(context: Context, connection: Connection, request: JobRequest, by: string): Promise<RequestedJob> {
  return await createWantedJob(context, connection, await readJobRequest(context, request), by);
}

/** The same for a request that was read. */
export async function createWantedJob(context: Context, connection: Connection, wanted: WantedJob, by: string): Promise<RequestedJob> {
  const existing = await useExisting(context, connection, wanted, by);
  if (existing) return existing;
  const refusals = new Refusals();
  const plan = await planJob(context, connection, wanted, refusals);
  if (refusals.objectRefusal) await saveRefusedObject(context.database, connection.id, wanted.objectName, refusals.objectRefusal.message);
  if (!plan || refusals.all[0]) throw refusals.all[0];
  const created = await insert(context, connection, plan, by);
  if (created) {
    await warnOfDefaultExpirations(context, created);
    return { job: created, outcome: 'created', cost: plan.cost };
  }
  // A concurrent call created the job first.
  const other = await useExisting(context, connection, wanted, by);
  if (other) return other;
  const { targetDataset, objectName } = plan.job;
  throw new AppError(
    'conflict',
    `A job of another org already imports into ${targetDataset}.${objectName}, and two orgs never share a table. Choose another dataset: ${context.config.bigquery.datasets.join(', ')}.`,
  );
}

/** The existing job of this user, or one taken over from another user of the org. @throws AppError conflict if its options differ */
async function useExisting(context: Context, connection: Connection, wanted: WantedJob, by: string): Promise<RequestedJob | undefined> {
  const found = await findExistingJob(context, connection, wanted);
  switch (found?.kind) {
    case undefined:
      return undefined;
    case 'own':
      return { job: found.job, outcome: 'existed', cost: undefined };
    case 'held':
      return { job: await takeOver(context, connection, found.held, wanted.takeOver, by), outcome: 'taken_over', cost: undefined };
  }
}

/** @returns undefined if the object or the target table has a job by now */
async function insert(context: Context, connection: Connection, { job, cost }: JobPlan, by: string): Promise<Job | undefined> {
  const { every, deletes, history, targetDataset } = job;
  const startDate = formatStartDate(job.startDate);
  const created = await transaction(context.database, async (client) => {
    const inserted = await insertJob(client, job);
    if (!inserted) return undefined;
    await saveWeeklyChanges(client, inserted.id, cost.weeklyChanges);
    await deleteRefusedObject(client, connection.id, inserted.objectName);
    const details = { start_date: startDate, every, dataset: targetDataset, deletes, history, ...policyDetails(job) };
    await insertChange(client, { by, action: 'job_created', ...aboutJob(inserted), connectionId: connection.id, details });
    return inserted;
  });
  const mode = jobMode({ whole: job.cursorField === null, appendOnly: job.appendOnly });
  if (created) context.events.jobCreated(created, { startDate, every, mode }, by);
  return created;
}

/** Warns if the dataset has default expirations; the job's own tables do not inherit them. A failed check does not fail the request. */
async function warnOfDefaultExpirations({ warehouse, config, events }: Context, job: Job): Promise<void> {
  try {
    const defaults = await findDefaultExpirations(warehouse, job.targetDataset);
    const remove = removeDefaultExpirationsCommand(config.bigquery.project, job.targetDataset);
    if (defaults) events.datasetHasDefaultExpiration(defaults, remove, job);
  } catch (error) {
    events.datasetNotChecked(job.targetDataset, job, error);
  }
}
