import * as z from 'zod';
import { pauseJob } from '../../actions/jobs/pause-job.ts';
import { requireJobById } from '../../actions/jobs/require-job.ts';
import { resumeJob } from '../../actions/jobs/resume-job.ts';
import type { Context } from '../../context.ts';
import type { Job } from '../../store/jobs/jobs.ts';
import { defineEndpoint } from '../endpoint.ts';
import { EXAMPLE } from '../schemas/examples.ts';
import { jobId } from '../schemas/fields.ts';
import { JOB_EXAMPLE, jobJson } from '../schemas/job.ts';
import { readJobJson } from './jobs.ts';

/** One job, as in the list. */
export const jobView = defineEndpoint({
  name: 'v1/jobs/{job_id}',
  methods: ['GET'],
  group: 'jobs',
  summary: 'Returns a job, with its latest window and its latest repair.',
  roles: ['read', 'data', 'operate', 'admin'],
  request: z.object({ job_id: jobId }),
  response: jobJson,
  errors: ['not_found'],
  example: { request: { job_id: EXAMPLE.jobId }, response: JOB_EXAMPLE },
  handle: async (context, { job_id }) => await readJobJson(context, job_id),
});

/** Pauses a job: ticks start no runs for it. */
export const jobPause = switchEndpoint(
  'pause',
  'Pauses a job: ticks start no runs for it, and a run in progress finishes first.',
  { ...JOB_EXAMPLE, active: 0, state: 'paused' },
  pauseJob,
);

/** Resumes a paused job. */
export const jobResume = switchEndpoint(
  'resume',
  'Resumes a paused job: the next tick imports everything it missed.',
  JOB_EXAMPLE,
  resumeJob,
);

/** Changes whether a job is active. Responds with the job. */
function switchEndpoint(
  name: string,
  summary: string,
  response: z.input<typeof jobJson>,
  change: (context: Context, job: Job, by: string) => Promise<void>,
) {
  return defineEndpoint({
    name: `v1/jobs/{job_id}/${name}`,
    methods: ['POST'],
    group: 'jobs',
    summary,
    roles: ['operate', 'admin'],
    request: z.object({ job_id: jobId }),
    response: jobJson,
    errors: ['not_found'],
    example: { request: { job_id: EXAMPLE.jobId }, response },
    async handle(context, { job_id }, caller) {
      const job = await requireJobById(context, job_id);
      await change(context, job, caller.name);
      return await readJobJson(context, job.id);
    },
  });
}
