import { rebuild } from '../actions/rebuild.ts';
import { requireJobById } from '../actions/require-job.ts';
import { type Endpoint, requireJobId } from './endpoint.ts';
import { toRunOfJobJson } from './run-json.ts';

/** Imports all rows of a job again and replaces its table with them, or creates the table if it is missing. */
export const jobRebuild: Endpoint = {
  name: 'v1/jobs/{job_id}/rebuild',
  methods: ['POST'],
  roles: ['operate', 'admin'],
  required: [],
  optional: [],
  async handle(context, { job_id }, caller) {
    const job = await requireJobById(context, requireJobId(job_id!));
    return toRunOfJobJson(await rebuild(context, job, caller.name));
  },
};
