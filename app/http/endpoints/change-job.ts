import * as z from 'zod';
import { changeJob } from '../../actions/jobs/change-job.ts';
import { requireJobById } from '../../actions/jobs/require-job.ts';
import { optionTexts } from '../../core/jobs/job-options.ts';
import { BIGQUERY_ERRORS, SALESFORCE_ERRORS } from '../common-errors.ts';
import { defineEndpoint } from '../endpoint.ts';
import { EXAMPLE } from '../schemas/examples.ts';
import { jobId, optionalText } from '../schemas/fields.ts';
import { changedJobJson, JOB_EXAMPLE } from '../schemas/job.ts';
import { changeableJobFields } from '../schemas/job-options.ts';
import { readJobJson } from './jobs.ts';

/** Changes a job, and queues the repair that the change requires. */
export const jobChange = defineEndpoint({
  name: 'v1/jobs/{job_id}',
  methods: ['PATCH'],
  group: 'jobs',
  summary: 'Changes a job, and queues the repair that the change requires.',
  roles: ['operate', 'admin'],
  request: z.object({
    job_id: jobId,
    ...changeableJobFields,
    approve_fields: optionalText('Fields to read that await approval: names or patterns, separated by commas.', 'Tier__c'),
  }),
  response: changedJobJson,
  errors: ['not_found', 'conflict', 'bigquery_budget', ...SALESFORCE_ERRORS, ...BIGQUERY_ERRORS],
  example: {
    request: { job_id: EXAMPLE.jobId, every: '6h' },
    response: { ...JOB_EXAMPLE, every: '6h', message: 'Windows close with every=6h from the next tick on.' },
  },
  async handle(context, { job_id, approve_fields, ...options }, caller) {
    const job = await requireJobById(context, job_id);
    const message = await changeJob(context, job, { ...optionTexts(options), approveFields: approve_fields }, caller.name);
    return { ...(await readJobJson(context, job.id)), message };
  },
});
