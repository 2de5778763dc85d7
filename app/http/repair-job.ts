import { rebuild } from '../actions/rebuild.ts';
import { requireJobById } from '../actions/require-job.ts';
import { sweep } from '../actions/sweep.ts';
import { syncNow } from '../actions/sync-now.ts';
import type { Context } from '../context.ts';
import type { JobWithRun } from '../store/job-list.ts';
import type { Job } from '../store/jobs.ts';
import { type Endpoint, requireJobId } from './endpoint.ts';
import { toRunOfJobJson } from './run-json.ts';

/** Imports all rows of a job again and replaces its table with them, or creates the table if it is missing. */
export const jobRebuild = repairEndpoint('rebuild', rebuild);

/** Compares the keys of all rows of an object with the job's table, and repairs what differs. */
export const jobSweep = repairEndpoint('sweep', sweep);

/** Imports what has changed since a job's `last_date`. */
export const jobSyncNow = repairEndpoint('sync-now', syncNow);

/** A repair without options. Responds with its run. */
function repairEndpoint(name: string, repair: (context: Context, job: Job, by: string) => Promise<JobWithRun>): Endpoint {
  return {
    name: `v1/jobs/{job_id}/${name}`,
    methods: ['POST'],
    roles: ['operate', 'admin'],
    required: [],
    optional: [],
    async handle(context, { job_id }, caller) {
      const job = await requireJobById(context, requireJobId(job_id!));
      return toRunOfJobJson(await repair(context, job, caller.name));
    },
  };
}
