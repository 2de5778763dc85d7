import type { Context } from '../../context.ts';
import { type JobField, jobFields } from '../../core/fields/job-fields.ts';
import { readDescribedFields } from '../../store/jobs/described-fields.ts';
import type { Job } from '../../store/jobs/jobs.ts';

/** What a job does with each field of its object, as its runs last described it. Empty before the first. */
export async function readJobFields({ database }: Context, job: Job): Promise<JobField[]> {
  return jobFields(await readDescribedFields(database, job.id), job, new Date());
}
