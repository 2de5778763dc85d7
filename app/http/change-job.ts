import { changeJob } from '../actions/change-job.ts';
import { requireJobById } from '../actions/require-job.ts';
import { type Endpoint, requireJobId } from './endpoint.ts';
import { readJobJson } from './jobs.ts';

/** Changes a job, and queues the repair that the change requires. */
export const jobChange: Endpoint = {
  name: 'v1/jobs/{job_id}',
  methods: ['PATCH'],
  roles: ['operate', 'admin'],
  required: [],
  optional: ['start_date', 'deletes', 'every'],
  async handle(context, { job_id, start_date, deletes, every }, caller) {
    const job = await requireJobById(context, requireJobId(job_id!));
    const message = await changeJob(context, job, { startDate: start_date, deletes, every }, caller.name);
    return { ...(await readJobJson(context, job.id)), message };
  },
};
