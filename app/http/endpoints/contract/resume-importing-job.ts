import * as z from 'zod';
import { resumeJob } from '../../../actions/jobs/resume-job.ts';
import { defineEndpoint } from '../../endpoint.ts';
import { requireJob } from '../../require-job.ts';
import { EXAMPLE } from '../../schemas/examples.ts';
import { objectName, userId } from '../../schemas/fields.ts';

/** Resumes a paused job: the next tick imports everything it missed. */
export const resumeImportingJob = defineEndpoint({
  name: 'resume_importing_job',
  methods: ['GET', 'POST'],
  group: 'contract',
  summary: 'Resumes a paused job: the next tick imports everything that it missed.',
  roles: ['operate', 'admin'],
  request: z.object({ user_id: userId, object_name: objectName }),
  response: z.literal('OK'),
  errors: ['not_found'],
  example: { request: { user_id: EXAMPLE.userId, object_name: 'Account' }, response: 'OK' },
  async handle(context, fields, caller) {
    await resumeJob(context, await requireJob(context, fields), caller.name);
    return 'OK';
  },
});
