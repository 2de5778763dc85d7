import * as z from 'zod';
import { requireJobById } from '../../actions/jobs/require-job.ts';
import { rebuild } from '../../actions/runs/rebuild.ts';
import { sweep } from '../../actions/runs/sweep.ts';
import { syncNow } from '../../actions/runs/sync-now.ts';
import type { Context } from '../../context.ts';
import type { JobWithRun } from '../../store/jobs/job-list.ts';
import type { Job } from '../../store/jobs/jobs.ts';
import { defineEndpoint, type Endpoint } from '../endpoint.ts';
import { toRunOfJobJson } from '../run-json.ts';
import { EXAMPLE } from '../schemas/examples.ts';
import { jobId } from '../schemas/fields.ts';
import { runOfJobExample, runOfJobJson } from '../schemas/run.ts';

/** Imports all rows of a job again and replaces its table with them, or creates the table if it is missing. */
export const jobRebuild = repairEndpoint(
  'rebuild',
  'Imports all rows of a job again and replaces its table with them, or creates the table if it is missing.',
  'rebuild',
  rebuild,
);

/** Compares the keys of all rows of an object with the job's table, and repairs what differs. */
export const jobSweep = repairEndpoint(
  'sweep',
  'Compares the keys and formulas of all rows of an object with the table, and repairs what differs.',
  'sweep',
  sweep,
);

/** Imports what has changed since a job's `last_date`. */
export const jobSyncNow = repairEndpoint('sync-now', 'Imports what has changed since the last_date of a job.', 'reimport', syncNow);

/** A repair without options. Responds with its run. */
function repairEndpoint(
  name: string,
  summary: string,
  kind: 'rebuild' | 'sweep' | 'reimport',
  repair: (context: Context, job: Job, by: string) => Promise<JobWithRun>,
): Endpoint {
  return defineEndpoint({
    name: `v1/jobs/{job_id}/${name}`,
    methods: ['POST'],
    group: 'repairs',
    summary,
    roles: ['operate', 'admin'],
    request: z.object({ job_id: jobId }),
    response: runOfJobJson,
    errors: ['not_found', 'conflict'],
    example: { request: { job_id: EXAMPLE.jobId }, response: runOfJobExample({ kind }) },
    async handle(context, { job_id }, caller) {
      const job = await requireJobById(context, job_id);
      return toRunOfJobJson(await repair(context, job, caller.name));
    },
  });
}
