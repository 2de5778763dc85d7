import type { Context } from '../../context.ts';
import {
  CHANGEABLE_PROPERTIES,
  differingOptions,
  JOB_OPTIONS,
  type JobOptions,
  type OptionProperty,
  optionsJson,
  optionText,
} from '../../core/jobs/job-options.ts';
import { AppError } from '../../errors.ts';
import type { Connection } from '../../store/connections/connections.ts';
import { findHeldJob, findJob, type HeldJob, type Job } from '../../store/jobs/jobs.ts';
import { withoutContained } from './choose-policy.ts';
import type { WantedJob } from './plan-job.ts';

/** A job that exists for a requested object. */
export type ExistingJob =
  | { kind: 'own'; job: Job }
  /** of another user of the org */
  | { kind: 'held'; held: HeldJob };

/** The job of an object, if there is one. @throws AppError conflict if its options differ from the wanted ones */
export async function findExistingJob(
  { database }: Context,
  connection: Connection,
  { objectName, options, targetDataset }: WantedJob,
): Promise<ExistingJob | undefined> {
  const own = await findJob(database, connection.id, objectName);
  if (own) return { kind: 'own', job: requireSameOptions(own, options) };
  const held = await findHeldJob(database, connection.orgId, objectName, options.targetDataset, targetDataset);
  if (!held) return undefined;
  requireSameOptions(held.job, options);
  return { kind: 'held', held };
}

/** @returns the job @throws AppError conflict, which says how to change it, if an option is wanted that the job does not have */
function requireSameOptions(job: Job, wanted: Partial<JobOptions>): Job {
  const differing = differingOptions(job, withoutContained(job, wanted));
  const [property] = Object.keys(differing) as OptionProperty[];
  if (property === undefined) return job;
  const { name } = JOB_OPTIONS[property];
  const value = optionText(optionsJson(job)[name]!);
  const exists = `A job for ${job.objectName} already exists ${value === '' ? `without ${name}` : `with ${name}=${value}`}`;
  if (differing.startDate && differing.startDate > job.startDate) {
    throw new AppError('conflict', `${exists}. To import rows again, call POST /v1/jobs/${job.id}/reimport.`);
  }
  if ((CHANGEABLE_PROPERTIES as OptionProperty[]).includes(property)) {
    throw new AppError('conflict', `${exists}. To change it, call PATCH /v1/jobs/${job.id} with ${name}.`);
  }
  throw new AppError('conflict', `${exists}, which cannot be changed.`);
}
