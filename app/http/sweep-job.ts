import { requireJobById } from '../actions/require-job.ts';
import { sweep } from '../actions/sweep.ts';
import { type Endpoint, requireJobId } from './endpoint.ts';
import { toRunOfJobJson } from './run-json.ts';

/** Compares the keys of all rows of an object with the job's table, and repairs what differs. */
export const jobSweep: Endpoint = {
  name: 'v1/jobs/{job_id}/sweep',
  methods: ['POST'],
  roles: ['operate', 'admin'],
  required: [],
  optional: [],
  async handle(context, { job_id }, caller) {
    const job = await requireJobById(context, requireJobId(job_id!));
    return toRunOfJobJson(await sweep(context, job, caller.name));
  },
};
