import { requireJobById } from '../actions/require-job.ts';
import { syncNow } from '../actions/sync-now.ts';
import { type Endpoint, requireJobId } from './endpoint.ts';
import { toRunOfJobJson } from './run-json.ts';

/** Imports what has changed since a job's `last_date`. */
export const jobSyncNow: Endpoint = {
  name: 'v1/jobs/{job_id}/sync-now',
  methods: ['POST'],
  roles: ['operate', 'admin'],
  required: [],
  optional: [],
  async handle(context, { job_id }, caller) {
    const job = await requireJobById(context, requireJobId(job_id!));
    return toRunOfJobJson(await syncNow(context, job, caller.name));
  },
};
