import { pauseJob } from '../store/jobs.ts';
import { type Endpoint, requireJob } from './endpoint.ts';

/** Pauses a job: ticks start no runs for it. A run that is already in progress finishes first. */
export const pauseImportingJob: Endpoint = {
  name: 'pause_importing_job',
  methods: ['GET', 'POST'],
  roles: ['operate', 'admin'],
  required: ['user_id', 'object_name'],
  optional: [],
  async handle(context, fields) {
    const job = await requireJob(context, fields);
    const cancelled = await pauseJob(context.database, job.id);
    context.events.jobPaused(job);
    if (cancelled) context.events.runCancelled({ runId: cancelled, job });
    return 'OK';
  },
};
