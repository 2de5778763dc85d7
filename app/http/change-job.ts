import { changeJob } from '../actions/change-job.ts';
import { requireJobById } from '../actions/require-job.ts';
import { CHANGEABLE_NAMES, optionTexts } from '../core/job-options.ts';
import { type Endpoint, requireJobId } from './endpoint.ts';
import { readJobJson } from './jobs.ts';

/** Changes a job, and queues the repair that the change requires. */
export const jobChange: Endpoint = {
  name: 'v1/jobs/{job_id}',
  methods: ['PATCH'],
  roles: ['operate', 'admin'],
  required: [],
  optional: [...CHANGEABLE_NAMES, 'approve_fields'],
  async handle(context, fields, caller) {
    const job = await requireJobById(context, requireJobId(fields.job_id!));
    const message = await changeJob(context, job, { ...optionTexts(fields), approveFields: fields.approve_fields }, caller.name);
    return { ...(await readJobJson(context, job.id)), message };
  },
};
