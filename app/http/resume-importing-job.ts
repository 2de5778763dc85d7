import { resumeJob } from '../store/jobs.ts';
import { type Endpoint, requireJob } from './endpoint.ts';

/** Resumes a paused job: the next tick imports everything it missed. */
export const resumeImportingJob: Endpoint = {
  name: 'resume_importing_job',
  methods: ['GET', 'POST'],
  roles: ['operate', 'admin'],
  required: ['user_id', 'object_name'],
  optional: [],
  async handle(context, fields) {
    const job = await requireJob(context, fields);
    const cancelled = await resumeJob(context.database, job.id, await context.scheduleNow());
    context.events.jobResumed(job);
    if (cancelled) context.events.runCancelled({ runId: cancelled, job });
    return 'OK';
  },
};
