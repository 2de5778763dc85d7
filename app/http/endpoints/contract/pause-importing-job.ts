import * as z from 'zod';
import { pauseJob } from '../../../actions/jobs/pause-job.ts';
import { defineEndpoint } from '../../endpoint.ts';
import { requireJob } from '../../require-job.ts';
import { EXAMPLE } from '../../schemas/examples.ts';
import { objectName, userId } from '../../schemas/fields.ts';

/** Pauses a job: ticks start no runs for it. A run that is already in progress finishes first. */
export const pauseImportingJob = defineEndpoint({
  name: 'pause_importing_job',
  methods: ['GET', 'POST'],
  group: 'contract',
  summary: 'Pauses a job: ticks start no runs for it, and a run in progress finishes first.',
  roles: ['operate', 'admin'],
  request: z.object({ user_id: userId, object_name: objectName }),
  response: z.literal('OK'),
  errors: ['not_found'],
  example: { request: { user_id: EXAMPLE.userId, object_name: 'Account' }, response: 'OK' },
  async handle(context, fields, caller) {
    await pauseJob(context, await requireJob(context, fields), caller.name);
    return 'OK';
  },
});
