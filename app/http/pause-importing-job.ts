import { pauseJob } from '../actions/pause-job.ts';
import { type Endpoint, requireJob } from './endpoint.ts';

/** Pauses a job: ticks start no runs for it. A run that is already in progress finishes first. */
export const pauseImportingJob: Endpoint = {
  name: 'pause_importing_job',
  methods: ['GET', 'POST'],
  roles: ['operate', 'admin'],
  required: ['user_id', 'object_name'],
  optional: [],
  async handle(context, fields, caller) {
    await pauseJob(context, await requireJob(context, fields), caller.name);
    return 'OK';
  },
};
