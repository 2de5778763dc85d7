import { resumeJob } from '../actions/resume-job.ts';
import { type Endpoint, requireJob } from './endpoint.ts';

/** Resumes a paused job: the next tick imports everything it missed. */
export const resumeImportingJob: Endpoint = {
  name: 'resume_importing_job',
  methods: ['GET', 'POST'],
  roles: ['operate', 'admin'],
  required: ['user_id', 'object_name'],
  optional: [],
  async handle(context, fields, caller) {
    await resumeJob(context, await requireJob(context, fields), caller.name);
    return 'OK';
  },
};
